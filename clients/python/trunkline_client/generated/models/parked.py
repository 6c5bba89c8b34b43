from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.party import Party


T = TypeVar("T", bound="Parked")


@_attrs_define
class Parked:
    """A parked call."""

    call: str
    """ The call of who waits, on its own line. """
    line: str
    """ The line that parked it. """
    parked_at: str
    """ The park address: `unpark` takes it, and so does a phone that dials it. """
    party: Party
    """ A party as a person reads it. """
    since: datetime.datetime
    """ Since when (RFC 3339). """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        call = self.call

        line = self.line

        parked_at = self.parked_at

        party = self.party.to_dict()

        since = self.since.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "call": call,
                "line": line,
                "parked_at": parked_at,
                "party": party,
                "since": since,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.party import Party  # noqa: PLC0415

        d = dict(src_dict)
        call = d.pop("call")

        line = d.pop("line")

        parked_at = d.pop("parked_at")

        party = Party.from_dict(d.pop("party"))

        since = datetime.datetime.fromisoformat(d.pop("since"))

        parked = cls(
            call=call,
            line=line,
            parked_at=parked_at,
            party=party,
            since=since,
        )

        parked.additional_properties = d
        return parked

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
