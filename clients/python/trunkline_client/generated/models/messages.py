from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Messages")


@_attrs_define
class Messages:
    """The voice messages of a line."""

    new: int
    """ New ones. """
    old: int
    """ Old ones. """
    urgent_new: int
    """ How many of the new ones are urgent. """
    urgent_old: int
    """ How many of the old ones are urgent. """
    waiting: bool
    """ Whether the lamp shines. Where it does without new messages, their number is not known. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        new = self.new

        old = self.old

        urgent_new = self.urgent_new

        urgent_old = self.urgent_old

        waiting = self.waiting

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "new": new,
                "old": old,
                "urgent_new": urgent_new,
                "urgent_old": urgent_old,
                "waiting": waiting,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        new = d.pop("new")

        old = d.pop("old")

        urgent_new = d.pop("urgent_new")

        urgent_old = d.pop("urgent_old")

        waiting = d.pop("waiting")

        messages = cls(
            new=new,
            old=old,
            urgent_new=urgent_new,
            urgent_old=urgent_old,
            waiting=waiting,
        )

        messages.additional_properties = d
        return messages

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
