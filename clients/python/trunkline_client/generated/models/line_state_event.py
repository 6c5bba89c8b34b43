from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.line_state_event_type import (
    LineStateEventType,
    check_line_state_event_type,
)

T = TypeVar("T", bound="LineStateEvent")


@_attrs_define
class LineStateEvent:
    """LINE_LINEDEVSTATE."""

    count: int
    """ The ring count. """
    detail: int
    """ The ring mode, or the completion. """
    line: str
    """ The line. """
    seq: int
    """ Its number. """
    state: str
    """ LINEDEVSTATE_. """
    type_: LineStateEventType
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        count = self.count

        detail = self.detail

        line = self.line

        seq = self.seq

        state = self.state

        type_: str = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "count": count,
                "detail": detail,
                "line": line,
                "seq": seq,
                "state": state,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        count = d.pop("count")

        detail = d.pop("detail")

        line = d.pop("line")

        seq = d.pop("seq")

        state = d.pop("state")

        type_ = check_line_state_event_type(d.pop("type"))

        line_state_event = cls(
            count=count,
            detail=detail,
            line=line,
            seq=seq,
            state=state,
            type_=type_,
        )

        line_state_event.additional_properties = d
        return line_state_event

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
