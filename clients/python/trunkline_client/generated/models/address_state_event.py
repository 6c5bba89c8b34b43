from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.address_state_event_type import (
    AddressStateEventType,
    check_address_state_event_type,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="AddressStateEvent")


@_attrs_define
class AddressStateEvent:
    """LINE_ADDRESSSTATE."""

    changed: str
    """ LINEADDRESSSTATE_: `numcalls`, or `forward` when the forwarding of the line changed. """
    line: str
    """ The line. """
    seq: int
    """ Its number. """
    type_: AddressStateEventType
    num_active_calls: int | None | Unset = UNSET
    """ With `numcalls`: calls that are neither idle nor on hold. """
    num_on_hold_calls: int | None | Unset = UNSET
    """ With `numcalls`: calls on hold. """
    num_on_hold_pend_calls: int | None | Unset = UNSET
    """ With `numcalls`: calls on hold pending transfer or conference. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        changed = self.changed

        line = self.line

        seq = self.seq

        type_: str = self.type_

        num_active_calls: int | None | Unset
        if isinstance(self.num_active_calls, Unset):
            num_active_calls = UNSET
        else:
            num_active_calls = self.num_active_calls

        num_on_hold_calls: int | None | Unset
        if isinstance(self.num_on_hold_calls, Unset):
            num_on_hold_calls = UNSET
        else:
            num_on_hold_calls = self.num_on_hold_calls

        num_on_hold_pend_calls: int | None | Unset
        if isinstance(self.num_on_hold_pend_calls, Unset):
            num_on_hold_pend_calls = UNSET
        else:
            num_on_hold_pend_calls = self.num_on_hold_pend_calls

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "changed": changed,
                "line": line,
                "seq": seq,
                "type": type_,
            }
        )
        if num_active_calls is not UNSET:
            field_dict["num_active_calls"] = num_active_calls
        if num_on_hold_calls is not UNSET:
            field_dict["num_on_hold_calls"] = num_on_hold_calls
        if num_on_hold_pend_calls is not UNSET:
            field_dict["num_on_hold_pend_calls"] = num_on_hold_pend_calls

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        changed = d.pop("changed")

        line = d.pop("line")

        seq = d.pop("seq")

        type_ = check_address_state_event_type(d.pop("type"))

        def _parse_num_active_calls(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        num_active_calls = _parse_num_active_calls(d.pop("num_active_calls", UNSET))

        def _parse_num_on_hold_calls(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        num_on_hold_calls = _parse_num_on_hold_calls(d.pop("num_on_hold_calls", UNSET))

        def _parse_num_on_hold_pend_calls(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        num_on_hold_pend_calls = _parse_num_on_hold_pend_calls(d.pop("num_on_hold_pend_calls", UNSET))

        address_state_event = cls(
            changed=changed,
            line=line,
            seq=seq,
            type_=type_,
            num_active_calls=num_active_calls,
            num_on_hold_calls=num_on_hold_calls,
            num_on_hold_pend_calls=num_on_hold_pend_calls,
        )

        address_state_event.additional_properties = d
        return address_state_event

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
