from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..models.set_app_priority_media_mode import (
    SetAppPriorityMediaMode,
    check_set_app_priority_media_mode,
)

T = TypeVar("T", bound="SetAppPriority")


@_attrs_define
class SetAppPriority:
    """The argument of `set-app-priority`."""

    media_mode: SetAppPriorityMediaMode
    """ For which mode. """
    priority: int
    """ 1: to the top; 0: off the list. """

    def to_dict(self) -> dict[str, Any]:
        media_mode: str = self.media_mode

        priority = self.priority

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "media_mode": media_mode,
                "priority": priority,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        media_mode = check_set_app_priority_media_mode(d.pop("media_mode"))

        priority = d.pop("priority")

        set_app_priority = cls(
            media_mode=media_mode,
            priority=priority,
        )

        return set_app_priority
