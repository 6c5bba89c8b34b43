from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="LoggedLine")


@_attrs_define
class LoggedLine:
    """A line of the log."""

    at: str
    """ When, with microseconds. """
    level: str
    """ `error`, `warn`, `info`, `debug` or `trace`. """
    number: int
    """ From 1 on since the start. """
    target: str
    """ The module that says it. """
    text: str
    """ What it says, then each field with its name. """
    lost: int | Unset = UNSET
    """ How many lines before it were lost, since they came faster than they were taken. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        at = self.at

        level = self.level

        number = self.number

        target = self.target

        text = self.text

        lost = self.lost

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "at": at,
                "level": level,
                "number": number,
                "target": target,
                "text": text,
            }
        )
        if lost is not UNSET:
            field_dict["lost"] = lost

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        at = d.pop("at")

        level = d.pop("level")

        number = d.pop("number")

        target = d.pop("target")

        text = d.pop("text")

        lost = d.pop("lost", UNSET)

        logged_line = cls(
            at=at,
            level=level,
            number=number,
            target=target,
            text=text,
            lost=lost,
        )

        logged_line.additional_properties = d
        return logged_line

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
