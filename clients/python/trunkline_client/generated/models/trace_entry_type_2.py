from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.trace_entry_type_2_kind import (
    TraceEntryType2Kind,
    check_trace_entry_type_2_kind,
)

T = TypeVar("T", bound="TraceEntryType2")


@_attrs_define
class TraceEntryType2:
    """The media of a call's station changed."""

    at: str
    """ When. """
    call: str
    """ The call. """
    change: str
    """ `agreed`, `hears`, `path` or `taps`. """
    detail: str
    """ What it is from here on: direction, encodings and address; who or what is heard; `kernel` or `user`;
    recording and forks. """
    kind: TraceEntryType2Kind
    line: str
    """ Its line. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        at = self.at

        call = self.call

        change = self.change

        detail = self.detail

        kind: str = self.kind

        line = self.line

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "at": at,
                "call": call,
                "change": change,
                "detail": detail,
                "kind": kind,
                "line": line,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        at = d.pop("at")

        call = d.pop("call")

        change = d.pop("change")

        detail = d.pop("detail")

        kind = check_trace_entry_type_2_kind(d.pop("kind"))

        line = d.pop("line")

        trace_entry_type_2 = cls(
            at=at,
            call=call,
            change=change,
            detail=detail,
            kind=kind,
            line=line,
        )

        trace_entry_type_2.additional_properties = d
        return trace_entry_type_2

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
