from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..models.media_modes_media_modes_item import (
    MediaModesMediaModesItem,
    check_media_modes_media_modes_item,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="MediaModes")


@_attrs_define
class MediaModes:
    """The argument of `set-media-mode` and `monitor-media`."""

    media_modes: list[MediaModesMediaModesItem] | Unset = UNSET
    """ LINEMEDIAMODE_. """

    def to_dict(self) -> dict[str, Any]:
        media_modes: list[str] | Unset = UNSET
        if not isinstance(self.media_modes, Unset):
            media_modes = []
            for media_modes_item_data in self.media_modes:
                media_modes_item: str = media_modes_item_data
                media_modes.append(media_modes_item)

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if media_modes is not UNSET:
            field_dict["media_modes"] = media_modes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        _media_modes = d.pop("media_modes", UNSET)
        media_modes: list[MediaModesMediaModesItem] | Unset = UNSET
        if _media_modes is not UNSET:
            media_modes = []
            for media_modes_item_data in _media_modes:
                media_modes_item = check_media_modes_media_modes_item(media_modes_item_data)

                media_modes.append(media_modes_item)

        media_modes = cls(
            media_modes=media_modes,
        )

        return media_modes
