from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.digits_event_type import DigitsEventType, check_digits_event_type

T = TypeVar("T", bound="DigitsEvent")


@_attrs_define
class DigitsEvent:
    """LINE_MONITORDIGITS."""

    call: str
    """ The call. """
    digit: str
    """ The digit. """
    line: str
    """ Its line. """
    mode: str
    """ LINEDIGITMODE_. """
    seq: int
    """ Its number. """
    type_: DigitsEventType
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        call = self.call

        digit = self.digit

        line = self.line

        mode = self.mode

        seq = self.seq

        type_: str = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "call": call,
                "digit": digit,
                "line": line,
                "mode": mode,
                "seq": seq,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        call = d.pop("call")

        digit = d.pop("digit")

        line = d.pop("line")

        mode = d.pop("mode")

        seq = d.pop("seq")

        type_ = check_digits_event_type(d.pop("type"))

        digits_event = cls(
            call=call,
            digit=digit,
            line=line,
            mode=mode,
            seq=seq,
            type_=type_,
        )

        digits_event.additional_properties = d
        return digits_event

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
