from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.park_mode import ParkMode, check_park_mode
from ..types import UNSET, Unset

T = TypeVar("T", bound="Park")


@_attrs_define
class Park:
    """The argument of `park`."""

    mode: ParkMode
    """ `directed` or `nondirected`. """
    to: None | str | Unset = UNSET
    """ The park address, if directed. """

    def to_dict(self) -> dict[str, Any]:
        mode: str = self.mode

        to: None | str | Unset
        if isinstance(self.to, Unset):
            to = UNSET
        else:
            to = self.to

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "mode": mode,
            }
        )
        if to is not UNSET:
            field_dict["to"] = to

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        mode = check_park_mode(d.pop("mode"))

        def _parse_to(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        to = _parse_to(d.pop("to", UNSET))

        park = cls(
            mode=mode,
            to=to,
        )

        return park
