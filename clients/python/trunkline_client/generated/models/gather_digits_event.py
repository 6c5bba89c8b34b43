from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.gather_digits_event_type import (
    GatherDigitsEventType,
    check_gather_digits_event_type,
)

T = TypeVar("T", bound="GatherDigitsEvent")


@_attrs_define
class GatherDigitsEvent:
    """LINE_GATHERDIGITS."""

    call: str
    """ The call. """
    digits: str
    """ What was gathered. """
    line: str
    """ Its line. """
    reason: str
    """ LINEGATHERTERM_. """
    seq: int
    """ Its number. """
    type_: GatherDigitsEventType
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        call = self.call

        digits = self.digits

        line = self.line

        reason = self.reason

        seq = self.seq

        type_: str = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "call": call,
                "digits": digits,
                "line": line,
                "reason": reason,
                "seq": seq,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        call = d.pop("call")

        digits = d.pop("digits")

        line = d.pop("line")

        reason = d.pop("reason")

        seq = d.pop("seq")

        type_ = check_gather_digits_event_type(d.pop("type"))

        gather_digits_event = cls(
            call=call,
            digits=digits,
            line=line,
            reason=reason,
            seq=seq,
            type_=type_,
        )

        gather_digits_event.additional_properties = d
        return gather_digits_event

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
