from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.registration_event_type import (
    RegistrationEventType,
    check_registration_event_type,
)

T = TypeVar("T", bound="RegistrationEvent")


@_attrs_define
class RegistrationEvent:
    """A phone registered, unregistered or expired."""

    change: str
    """ `registered`, `unregistered` or `expired`. """
    contact: str
    """ The Contact URI. """
    line: str
    """ The line. """
    seq: int
    """ Its number. """
    type_: RegistrationEventType
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        change = self.change

        contact = self.contact

        line = self.line

        seq = self.seq

        type_: str = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "change": change,
                "contact": contact,
                "line": line,
                "seq": seq,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        change = d.pop("change")

        contact = d.pop("contact")

        line = d.pop("line")

        seq = d.pop("seq")

        type_ = check_registration_event_type(d.pop("type"))

        registration_event = cls(
            change=change,
            contact=contact,
            line=line,
            seq=seq,
            type_=type_,
        )

        registration_event.additional_properties = d
        return registration_event

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
