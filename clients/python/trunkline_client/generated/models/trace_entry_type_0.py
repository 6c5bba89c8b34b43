from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.trace_entry_type_0_kind import (
    TraceEntryType0Kind,
    check_trace_entry_type_0_kind,
)

T = TypeVar("T", bound="TraceEntryType0")


@_attrs_define
class TraceEntryType0:
    """A SIP message came or was sent."""

    at: str
    """ When, with microseconds. """
    call_id: str
    """ Its Call-ID. """
    from_: str
    """ The address that sent it. """
    kind: TraceEntryType0Kind
    summary: str
    """ Its first line. """
    text: str
    """ All of it; secrets are `*`. """
    to: str
    """ The address that it was sent to. """
    transport: str
    """ `udp`, `tcp`, `tls`, `ws` or `wss`. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        at = self.at

        call_id = self.call_id

        from_ = self.from_

        kind: str = self.kind

        summary = self.summary

        text = self.text

        to = self.to

        transport = self.transport

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "at": at,
                "call_id": call_id,
                "from": from_,
                "kind": kind,
                "summary": summary,
                "text": text,
                "to": to,
                "transport": transport,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        at = d.pop("at")

        call_id = d.pop("call_id")

        from_ = d.pop("from")

        kind = check_trace_entry_type_0_kind(d.pop("kind"))

        summary = d.pop("summary")

        text = d.pop("text")

        to = d.pop("to")

        transport = d.pop("transport")

        trace_entry_type_0 = cls(
            at=at,
            call_id=call_id,
            from_=from_,
            kind=kind,
            summary=summary,
            text=text,
            to=to,
            transport=transport,
        )

        trace_entry_type_0.additional_properties = d
        return trace_entry_type_0

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
