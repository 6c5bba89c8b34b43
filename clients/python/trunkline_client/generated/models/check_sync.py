from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="CheckSync")


@_attrs_define
class CheckSync:
    """What the phones are to do."""

    reboot: bool | Unset = UNSET
    """ Whether they start anew in any case. """

    def to_dict(self) -> dict[str, Any]:
        reboot = self.reboot

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if reboot is not UNSET:
            field_dict["reboot"] = reboot

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        reboot = d.pop("reboot", UNSET)

        check_sync = cls(
            reboot=reboot,
        )

        return check_sync
