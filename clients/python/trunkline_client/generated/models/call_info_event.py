from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.call_info_event_type import CallInfoEventType, check_call_info_event_type

T = TypeVar("T", bound="CallInfoEvent")


@_attrs_define
class CallInfoEvent:
    """LINE_CALLINFO."""

    call: str
    """ The call. """
    changed: str
    """ LINECALLINFOSTATE_. `qos`: how the call sounds has changed, see `media` of the call. """
    line: str
    """ Its line. """
    seq: int
    """ Its number. """
    type_: CallInfoEventType
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        call = self.call

        changed = self.changed

        line = self.line

        seq = self.seq

        type_: str = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "call": call,
                "changed": changed,
                "line": line,
                "seq": seq,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        call = d.pop("call")

        changed = d.pop("changed")

        line = d.pop("line")

        seq = d.pop("seq")

        type_ = check_call_info_event_type(d.pop("type"))

        call_info_event = cls(
            call=call,
            changed=changed,
            line=line,
            seq=seq,
            type_=type_,
        )

        call_info_event.additional_properties = d
        return call_info_event

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
