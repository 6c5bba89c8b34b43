from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="SetMessages")


@_attrs_define
class SetMessages:
    """How many messages a line has: all of it, what is left out is none."""

    new: int | Unset = UNSET
    """ New ones, at most 9,999. """
    old: int | Unset = UNSET
    """ Old ones, at most 9,999. """
    urgent_new: int | Unset = UNSET
    """ How many of the new ones are urgent. """
    urgent_old: int | Unset = UNSET
    """ How many of the old ones are urgent. """
    waiting: bool | None | Unset = UNSET
    """ Whether the lamp shines; left out: with new messages. """

    def to_dict(self) -> dict[str, Any]:
        new = self.new

        old = self.old

        urgent_new = self.urgent_new

        urgent_old = self.urgent_old

        waiting: bool | None | Unset
        if isinstance(self.waiting, Unset):
            waiting = UNSET
        else:
            waiting = self.waiting

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if new is not UNSET:
            field_dict["new"] = new
        if old is not UNSET:
            field_dict["old"] = old
        if urgent_new is not UNSET:
            field_dict["urgent_new"] = urgent_new
        if urgent_old is not UNSET:
            field_dict["urgent_old"] = urgent_old
        if waiting is not UNSET:
            field_dict["waiting"] = waiting

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        new = d.pop("new", UNSET)

        old = d.pop("old", UNSET)

        urgent_new = d.pop("urgent_new", UNSET)

        urgent_old = d.pop("urgent_old", UNSET)

        def _parse_waiting(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        waiting = _parse_waiting(d.pop("waiting", UNSET))

        set_messages = cls(
            new=new,
            old=old,
            urgent_new=urgent_new,
            urgent_old=urgent_old,
            waiting=waiting,
        )

        return set_messages
