from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.call_quality_event_type import (
    CallQualityEventType,
    check_call_quality_event_type,
)

if TYPE_CHECKING:
    from ..models.media import Media


T = TypeVar("T", bound="CallQualityEvent")


@_attrs_define
class CallQualityEvent:
    """The media of a call is over: how it was."""

    call: str
    """ The call. """
    line: str
    """ Its line. """
    media: Media
    """ The media between the engine and the station of a call, or the network behind a trunk. """
    seq: int
    """ Its number. """
    type_: CallQualityEventType
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        call = self.call

        line = self.line

        media = self.media.to_dict()

        seq = self.seq

        type_: str = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "call": call,
                "line": line,
                "media": media,
                "seq": seq,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.media import Media  # noqa: PLC0415

        d = dict(src_dict)
        call = d.pop("call")

        line = d.pop("line")

        media = Media.from_dict(d.pop("media"))

        seq = d.pop("seq")

        type_ = check_call_quality_event_type(d.pop("type"))

        call_quality_event = cls(
            call=call,
            line=line,
            media=media,
            seq=seq,
            type_=type_,
        )

        call_quality_event.additional_properties = d
        return call_quality_event

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
