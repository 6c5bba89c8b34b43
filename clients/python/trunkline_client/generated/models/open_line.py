from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..models.open_line_media_modes_item import (
    OpenLineMediaModesItem,
    check_open_line_media_modes_item,
)
from ..models.open_line_privilege import OpenLinePrivilege, check_open_line_privilege
from ..types import UNSET, Unset

T = TypeVar("T", bound="OpenLine")


@_attrs_define
class OpenLine:
    """The argument of `open`."""

    privilege: OpenLinePrivilege
    """ `none`, `monitor` or `owner`. """
    media_modes: list[OpenLineMediaModesItem] | Unset = UNSET
    """ What is taken as owner; none: interactive voice. """

    def to_dict(self) -> dict[str, Any]:
        privilege: str = self.privilege

        media_modes: list[str] | Unset = UNSET
        if not isinstance(self.media_modes, Unset):
            media_modes = []
            for media_modes_item_data in self.media_modes:
                media_modes_item: str = media_modes_item_data
                media_modes.append(media_modes_item)

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "privilege": privilege,
            }
        )
        if media_modes is not UNSET:
            field_dict["media_modes"] = media_modes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        privilege = check_open_line_privilege(d.pop("privilege"))

        _media_modes = d.pop("media_modes", UNSET)
        media_modes: list[OpenLineMediaModesItem] | Unset = UNSET
        if _media_modes is not UNSET:
            media_modes = []
            for media_modes_item_data in _media_modes:
                media_modes_item = check_open_line_media_modes_item(media_modes_item_data)

                media_modes.append(media_modes_item)

        open_line = cls(
            privilege=privilege,
            media_modes=media_modes,
        )

        return open_line
