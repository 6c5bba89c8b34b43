from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.monitor_media_event_type import (
    MonitorMediaEventType,
    check_monitor_media_event_type,
)

T = TypeVar("T", bound="MonitorMediaEvent")


@_attrs_define
class MonitorMediaEvent:
    """LINE_MONITORMEDIA."""

    call: str
    """ The call. """
    line: str
    """ Its line. """
    media_mode: str
    """ LINEMEDIAMODE_. """
    seq: int
    """ Its number. """
    type_: MonitorMediaEventType
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        call = self.call

        line = self.line

        media_mode = self.media_mode

        seq = self.seq

        type_: str = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "call": call,
                "line": line,
                "media_mode": media_mode,
                "seq": seq,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        call = d.pop("call")

        line = d.pop("line")

        media_mode = d.pop("media_mode")

        seq = d.pop("seq")

        type_ = check_monitor_media_event_type(d.pop("type"))

        monitor_media_event = cls(
            call=call,
            line=line,
            media_mode=media_mode,
            seq=seq,
            type_=type_,
        )

        monitor_media_event.additional_properties = d
        return monitor_media_event

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
