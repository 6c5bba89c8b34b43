from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Fork")


@_attrs_define
class Fork:
    """A fork of a call's audio."""

    fork: str
    """ Its id. """
    since: str
    """ When it was asked for. """
    state: str
    """ `connecting` or `up`. """
    url: str
    """ Where to, without the query. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        fork = self.fork

        since = self.since

        state = self.state

        url = self.url

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "fork": fork,
                "since": since,
                "state": state,
                "url": url,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        fork = d.pop("fork")

        since = d.pop("since")

        state = d.pop("state")

        url = d.pop("url")

        fork = cls(
            fork=fork,
            since=since,
            state=state,
            url=url,
        )

        fork.additional_properties = d
        return fork

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
