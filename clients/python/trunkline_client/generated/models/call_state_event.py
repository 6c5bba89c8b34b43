from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.call_state_event_type import (
    CallStateEventType,
    check_call_state_event_type,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="CallStateEvent")


@_attrs_define
class CallStateEvent:
    """LINE_CALLSTATE."""

    call: str
    """ The call. """
    line: str
    """ Its line. """
    seq: int
    """ Its number. """
    state: str
    """ LINECALLSTATE_. """
    type_: CallStateEventType
    privilege: None | str | Unset = UNSET
    """ The privilege just given. """
    state_mode: None | str | Unset = UNSET
    """ The mode of the state. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        call = self.call

        line = self.line

        seq = self.seq

        state = self.state

        type_: str = self.type_

        privilege: None | str | Unset
        if isinstance(self.privilege, Unset):
            privilege = UNSET
        else:
            privilege = self.privilege

        state_mode: None | str | Unset
        if isinstance(self.state_mode, Unset):
            state_mode = UNSET
        else:
            state_mode = self.state_mode

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "call": call,
                "line": line,
                "seq": seq,
                "state": state,
                "type": type_,
            }
        )
        if privilege is not UNSET:
            field_dict["privilege"] = privilege
        if state_mode is not UNSET:
            field_dict["state_mode"] = state_mode

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        call = d.pop("call")

        line = d.pop("line")

        seq = d.pop("seq")

        state = d.pop("state")

        type_ = check_call_state_event_type(d.pop("type"))

        def _parse_privilege(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        privilege = _parse_privilege(d.pop("privilege", UNSET))

        def _parse_state_mode(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        state_mode = _parse_state_mode(d.pop("state_mode", UNSET))

        call_state_event = cls(
            call=call,
            line=line,
            seq=seq,
            state=state,
            type_=type_,
            privilege=privilege,
            state_mode=state_mode,
        )

        call_state_event.additional_properties = d
        return call_state_event

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
