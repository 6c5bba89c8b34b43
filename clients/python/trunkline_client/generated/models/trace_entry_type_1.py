from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.trace_entry_type_1_kind import (
    TraceEntryType1Kind,
    check_trace_entry_type_1_kind,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="TraceEntryType1")


@_attrs_define
class TraceEntryType1:
    """A call came into a state."""

    at: str
    """ When. """
    call: str
    """ The call. """
    kind: TraceEntryType1Kind
    line: str
    """ Its line. """
    state: str
    """ The state, as in a call. """
    state_mode: None | str | Unset = UNSET
    """ Its mode. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        at = self.at

        call = self.call

        kind: str = self.kind

        line = self.line

        state = self.state

        state_mode: None | str | Unset
        if isinstance(self.state_mode, Unset):
            state_mode = UNSET
        else:
            state_mode = self.state_mode

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "at": at,
                "call": call,
                "kind": kind,
                "line": line,
                "state": state,
            }
        )
        if state_mode is not UNSET:
            field_dict["state_mode"] = state_mode

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        at = d.pop("at")

        call = d.pop("call")

        kind = check_trace_entry_type_1_kind(d.pop("kind"))

        line = d.pop("line")

        state = d.pop("state")

        def _parse_state_mode(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        state_mode = _parse_state_mode(d.pop("state_mode", UNSET))

        trace_entry_type_1 = cls(
            at=at,
            call=call,
            kind=kind,
            line=line,
            state=state,
            state_mode=state_mode,
        )

        trace_entry_type_1.additional_properties = d
        return trace_entry_type_1

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
