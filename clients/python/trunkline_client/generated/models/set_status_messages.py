from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..models.set_status_messages_address_states_item import (
    SetStatusMessagesAddressStatesItem,
    check_set_status_messages_address_states_item,
)
from ..models.set_status_messages_line_states_item import (
    SetStatusMessagesLineStatesItem,
    check_set_status_messages_line_states_item,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="SetStatusMessages")


@_attrs_define
class SetStatusMessages:
    """The argument of `set-status-messages`."""

    address_states: list[SetStatusMessagesAddressStatesItem] | Unset = UNSET
    """ LINEADDRESSSTATE_ that are wanted. """
    line_states: list[SetStatusMessagesLineStatesItem] | Unset = UNSET
    """ LINEDEVSTATE_ that are wanted. """

    def to_dict(self) -> dict[str, Any]:
        address_states: list[str] | Unset = UNSET
        if not isinstance(self.address_states, Unset):
            address_states = []
            for address_states_item_data in self.address_states:
                address_states_item: str = address_states_item_data
                address_states.append(address_states_item)

        line_states: list[str] | Unset = UNSET
        if not isinstance(self.line_states, Unset):
            line_states = []
            for line_states_item_data in self.line_states:
                line_states_item: str = line_states_item_data
                line_states.append(line_states_item)

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if address_states is not UNSET:
            field_dict["address_states"] = address_states
        if line_states is not UNSET:
            field_dict["line_states"] = line_states

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        _address_states = d.pop("address_states", UNSET)
        address_states: list[SetStatusMessagesAddressStatesItem] | Unset = UNSET
        if _address_states is not UNSET:
            address_states = []
            for address_states_item_data in _address_states:
                address_states_item = check_set_status_messages_address_states_item(address_states_item_data)

                address_states.append(address_states_item)

        _line_states = d.pop("line_states", UNSET)
        line_states: list[SetStatusMessagesLineStatesItem] | Unset = UNSET
        if _line_states is not UNSET:
            line_states = []
            for line_states_item_data in _line_states:
                line_states_item = check_set_status_messages_line_states_item(line_states_item_data)

                line_states.append(line_states_item)

        set_status_messages = cls(
            address_states=address_states,
            line_states=line_states,
        )

        return set_status_messages
