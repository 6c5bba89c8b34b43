from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="SwapHold")


@_attrs_define
class SwapHold:
    """The argument of `swap-hold`."""

    with_: str
    """ The held call. """

    def to_dict(self) -> dict[str, Any]:
        with_ = self.with_

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "with": with_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        with_ = d.pop("with")

        swap_hold = cls(
            with_=with_,
        )

        return swap_hold
