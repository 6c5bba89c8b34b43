from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.recording_event_type import RecordingEventType, check_recording_event_type
from ..types import UNSET, Unset

T = TypeVar("T", bound="RecordingEvent")


@_attrs_define
class RecordingEvent:
    """A recording of the call began, is paused or resumed, or is over."""

    call: str
    """ The call. """
    change: str
    """ `started`, `paused`, `resumed`, `stopped` or `failed`. """
    line: str
    """ Its line. """
    seq: int
    """ Its number. """
    type_: RecordingEventType
    path: None | str | Unset = UNSET
    """ The file, from the directory of recordings on. """
    reason: None | str | Unset = UNSET
    """ Why it is over: `stopped`, `toolong`, `diskfull`, `failed` or `resourceunavail`. """
    seconds: float | None | Unset = UNSET
    """ How long it is, when it is over. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        call = self.call

        change = self.change

        line = self.line

        seq = self.seq

        type_: str = self.type_

        path: None | str | Unset
        if isinstance(self.path, Unset):
            path = UNSET
        else:
            path = self.path

        reason: None | str | Unset
        if isinstance(self.reason, Unset):
            reason = UNSET
        else:
            reason = self.reason

        seconds: float | None | Unset
        if isinstance(self.seconds, Unset):
            seconds = UNSET
        else:
            seconds = self.seconds

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "call": call,
                "change": change,
                "line": line,
                "seq": seq,
                "type": type_,
            }
        )
        if path is not UNSET:
            field_dict["path"] = path
        if reason is not UNSET:
            field_dict["reason"] = reason
        if seconds is not UNSET:
            field_dict["seconds"] = seconds

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        call = d.pop("call")

        change = d.pop("change")

        line = d.pop("line")

        seq = d.pop("seq")

        type_ = check_recording_event_type(d.pop("type"))

        def _parse_path(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        path = _parse_path(d.pop("path", UNSET))

        def _parse_reason(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        reason = _parse_reason(d.pop("reason", UNSET))

        def _parse_seconds(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        seconds = _parse_seconds(d.pop("seconds", UNSET))

        recording_event = cls(
            call=call,
            change=change,
            line=line,
            seq=seq,
            type_=type_,
            path=path,
            reason=reason,
            seconds=seconds,
        )

        recording_event.additional_properties = d
        return recording_event

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
