from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.forward_item_mode import ForwardItemMode, check_forward_item_mode
from ..types import UNSET, Unset

T = TypeVar("T", bound="ForwardItem")


@_attrs_define
class ForwardItem:
    """LINEFORWARD."""

    mode: ForwardItemMode
    """ LINEFORWARDMODE_. """
    caller: None | str | Unset = UNSET
    """ The caller, with the specific modes. """
    destination: None | str | Unset = UNSET
    """ Where to; none: do not disturb. """

    def to_dict(self) -> dict[str, Any]:
        mode: str = self.mode

        caller: None | str | Unset
        if isinstance(self.caller, Unset):
            caller = UNSET
        else:
            caller = self.caller

        destination: None | str | Unset
        if isinstance(self.destination, Unset):
            destination = UNSET
        else:
            destination = self.destination

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "mode": mode,
            }
        )
        if caller is not UNSET:
            field_dict["caller"] = caller
        if destination is not UNSET:
            field_dict["destination"] = destination

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        mode = check_forward_item_mode(d.pop("mode"))

        def _parse_caller(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        caller = _parse_caller(d.pop("caller", UNSET))

        def _parse_destination(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        destination = _parse_destination(d.pop("destination", UNSET))

        forward_item = cls(
            mode=mode,
            caller=caller,
            destination=destination,
        )

        return forward_item
