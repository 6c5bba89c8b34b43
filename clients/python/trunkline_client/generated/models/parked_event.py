from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.parked_event_type import ParkedEventType, check_parked_event_type

T = TypeVar("T", bound="ParkedEvent")


@_attrs_define
class ParkedEvent:
    """A park address was taken or became free."""

    change: str
    """ `parked`, `retrieved`, `returned` or `abandoned`. """
    line: str
    """ Who parked. """
    parked_at: str
    """ The park address. """
    party: str
    """ Who is parked. """
    seq: int
    """ Its number. """
    type_: ParkedEventType
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        change = self.change

        line = self.line

        parked_at = self.parked_at

        party = self.party

        seq = self.seq

        type_: str = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "change": change,
                "line": line,
                "parked_at": parked_at,
                "party": party,
                "seq": seq,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        change = d.pop("change")

        line = d.pop("line")

        parked_at = d.pop("parked_at")

        party = d.pop("party")

        seq = d.pop("seq")

        type_ = check_parked_event_type(d.pop("type"))

        parked_event = cls(
            change=change,
            line=line,
            parked_at=parked_at,
            party=party,
            seq=seq,
            type_=type_,
        )

        parked_event.additional_properties = d
        return parked_event

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
