from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.trace_entry_type_3_kind import (
    TraceEntryType3Kind,
    check_trace_entry_type_3_kind,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="TraceEntryType3")


@_attrs_define
class TraceEntryType3:
    """An application asked for something by HTTP."""

    app: str
    """ The application. """
    at: str
    """ When. """
    kind: TraceEntryType3Kind
    operation: str
    """ The operation, as in its path. """
    outcome: str
    """ `ok`, or the code of the refusal. """
    call: None | str | Unset = UNSET
    """ The call it was about. """
    line: None | str | Unset = UNSET
    """ The line it was about. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        app = self.app

        at = self.at

        kind: str = self.kind

        operation = self.operation

        outcome = self.outcome

        call: None | str | Unset
        if isinstance(self.call, Unset):
            call = UNSET
        else:
            call = self.call

        line: None | str | Unset
        if isinstance(self.line, Unset):
            line = UNSET
        else:
            line = self.line

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "app": app,
                "at": at,
                "kind": kind,
                "operation": operation,
                "outcome": outcome,
            }
        )
        if call is not UNSET:
            field_dict["call"] = call
        if line is not UNSET:
            field_dict["line"] = line

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        app = d.pop("app")

        at = d.pop("at")

        kind = check_trace_entry_type_3_kind(d.pop("kind"))

        operation = d.pop("operation")

        outcome = d.pop("outcome")

        def _parse_call(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        call = _parse_call(d.pop("call", UNSET))

        def _parse_line(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        line = _parse_line(d.pop("line", UNSET))

        trace_entry_type_3 = cls(
            app=app,
            at=at,
            kind=kind,
            operation=operation,
            outcome=outcome,
            call=call,
            line=line,
        )

        trace_entry_type_3.additional_properties = d
        return trace_entry_type_3

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
