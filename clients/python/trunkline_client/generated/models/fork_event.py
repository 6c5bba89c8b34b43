from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.fork_event_type import ForkEventType, check_fork_event_type
from ..types import UNSET, Unset

T = TypeVar("T", bound="ForkEvent")


@_attrs_define
class ForkEvent:
    """A fork of the call's audio began, or is over."""

    call: str
    """ The call. """
    change: str
    """ `started`, `stopped` or `failed`. """
    fork: str
    """ The fork, as in f3. """
    line: str
    """ Its line. """
    seq: int
    """ Its number. """
    type_: ForkEventType
    pieces_lost: int | None | Unset = UNSET
    """ When it is over: pieces of 20 ms that found no room on their way to the server. """
    reason: None | str | Unset = UNSET
    """ Why it is over: `stopped`, `callover`, `shutdown`, `closed` (by the server); failed: `nosuchhost`,
    `unreachable`, `timeout`,
    `tls`, `refused`, `protocol`, `lost`, `stalled`. """
    status: int | None | Unset = UNSET
    """ With `refused`: the HTTP status that the server answered; with `closed`: its code (RFC 6455 §7.4), if it
    named one. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        call = self.call

        change = self.change

        fork = self.fork

        line = self.line

        seq = self.seq

        type_: str = self.type_

        pieces_lost: int | None | Unset
        if isinstance(self.pieces_lost, Unset):
            pieces_lost = UNSET
        else:
            pieces_lost = self.pieces_lost

        reason: None | str | Unset
        if isinstance(self.reason, Unset):
            reason = UNSET
        else:
            reason = self.reason

        status: int | None | Unset
        if isinstance(self.status, Unset):
            status = UNSET
        else:
            status = self.status

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "call": call,
                "change": change,
                "fork": fork,
                "line": line,
                "seq": seq,
                "type": type_,
            }
        )
        if pieces_lost is not UNSET:
            field_dict["pieces_lost"] = pieces_lost
        if reason is not UNSET:
            field_dict["reason"] = reason
        if status is not UNSET:
            field_dict["status"] = status

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        call = d.pop("call")

        change = d.pop("change")

        fork = d.pop("fork")

        line = d.pop("line")

        seq = d.pop("seq")

        type_ = check_fork_event_type(d.pop("type"))

        def _parse_pieces_lost(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        pieces_lost = _parse_pieces_lost(d.pop("pieces_lost", UNSET))

        def _parse_reason(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        reason = _parse_reason(d.pop("reason", UNSET))

        def _parse_status(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        status = _parse_status(d.pop("status", UNSET))

        fork_event = cls(
            call=call,
            change=change,
            fork=fork,
            line=line,
            seq=seq,
            type_=type_,
            pieces_lost=pieces_lost,
            reason=reason,
            status=status,
        )

        fork_event.additional_properties = d
        return fork_event

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
