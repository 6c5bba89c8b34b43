from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="App")


@_attrs_define
class App:
    """An application."""

    event_streams: int
    """ Its event streams at this moment. """
    lines: list[str]
    """ The lines that it opens by the configuration; `*` for all. """
    name: str
    """ Its name. """
    operator: bool
    """ Whether it may have the configuration read again: it opens every line as owner. """
    privilege: str
    """ Its privilege on calls that it did not make: `owner` or `monitor`. """
    you: bool
    """ Whether it is who asks. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        event_streams = self.event_streams

        lines = self.lines

        name = self.name

        operator = self.operator

        privilege = self.privilege

        you = self.you

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "event_streams": event_streams,
                "lines": lines,
                "name": name,
                "operator": operator,
                "privilege": privilege,
                "you": you,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        event_streams = d.pop("event_streams")

        lines = cast(list[str], d.pop("lines"))

        name = d.pop("name")

        operator = d.pop("operator")

        privilege = d.pop("privilege")

        you = d.pop("you")

        app = cls(
            event_streams=event_streams,
            lines=lines,
            name=name,
            operator=operator,
            privilege=privilege,
            you=you,
        )

        app.additional_properties = d
        return app

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
