from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..models.complete_transfer_mode import (
    CompleteTransferMode,
    check_complete_transfer_mode,
)

T = TypeVar("T", bound="CompleteTransfer")


@_attrs_define
class CompleteTransfer:
    """The argument of `complete-transfer`."""

    consult: str
    """ The call that the party is transferred to. """
    mode: CompleteTransferMode
    """ `transfer` or `conference`. """

    def to_dict(self) -> dict[str, Any]:
        consult = self.consult

        mode: str = self.mode

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "consult": consult,
                "mode": mode,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        consult = d.pop("consult")

        mode = check_complete_transfer_mode(d.pop("mode"))

        complete_transfer = cls(
            consult=consult,
            mode=mode,
        )

        return complete_transfer
