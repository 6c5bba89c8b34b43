from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..models.monitor_digits_modes_item import (
    MonitorDigitsModesItem,
    check_monitor_digits_modes_item,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="MonitorDigits")


@_attrs_define
class MonitorDigits:
    """The argument of `monitor-digits`."""

    modes: list[MonitorDigitsModesItem] | Unset = UNSET
    """ LINEDIGITMODE_: `dtmf`, `dtmfend`; none: stops. """

    def to_dict(self) -> dict[str, Any]:
        modes: list[str] | Unset = UNSET
        if not isinstance(self.modes, Unset):
            modes = []
            for modes_item_data in self.modes:
                modes_item: str = modes_item_data
                modes.append(modes_item)

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if modes is not UNSET:
            field_dict["modes"] = modes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        _modes = d.pop("modes", UNSET)
        modes: list[MonitorDigitsModesItem] | Unset = UNSET
        if _modes is not UNSET:
            modes = []
            for modes_item_data in _modes:
                modes_item = check_monitor_digits_modes_item(modes_item_data)

                modes.append(modes_item)

        monitor_digits = cls(
            modes=modes,
        )

        return monitor_digits
