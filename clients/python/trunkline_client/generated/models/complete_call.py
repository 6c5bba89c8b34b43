from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.complete_call_mode import CompleteCallMode, check_complete_call_mode
from ..types import UNSET, Unset

T = TypeVar("T", bound="CompleteCall")


@_attrs_define
class CompleteCall:
    """The argument of `complete-call`."""

    mode: CompleteCallMode
    """ `campon`, `callback`, `intrude` or `message`. """
    message: int | None | Unset = UNSET
    """ Which message, with `message`. """

    def to_dict(self) -> dict[str, Any]:
        mode: str = self.mode

        message: int | None | Unset
        if isinstance(self.message, Unset):
            message = UNSET
        else:
            message = self.message

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "mode": mode,
            }
        )
        if message is not UNSET:
            field_dict["message"] = message

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        mode = check_complete_call_mode(d.pop("mode"))

        def _parse_message(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        message = _parse_message(d.pop("message", UNSET))

        complete_call = cls(
            mode=mode,
            message=message,
        )

        return complete_call
