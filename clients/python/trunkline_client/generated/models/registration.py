from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Registration")


@_attrs_define
class Registration:
    """One contact of a phone."""

    contact: str
    """ The Contact URI. """
    expires_s: int
    """ Seconds until it ends. """
    line: str
    """ The line. """
    q: float
    """ Preference, 0 to 1. """
    remote: str
    """ Where its requests come from. """
    transport: str
    """ `udp` or `tcp`. """
    user_agent: str
    """ User-Agent of the phone. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        contact = self.contact

        expires_s = self.expires_s

        line = self.line

        q = self.q

        remote = self.remote

        transport = self.transport

        user_agent = self.user_agent

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "contact": contact,
                "expires_s": expires_s,
                "line": line,
                "q": q,
                "remote": remote,
                "transport": transport,
                "user_agent": user_agent,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        contact = d.pop("contact")

        expires_s = d.pop("expires_s")

        line = d.pop("line")

        q = d.pop("q")

        remote = d.pop("remote")

        transport = d.pop("transport")

        user_agent = d.pop("user_agent")

        registration = cls(
            contact=contact,
            expires_s=expires_s,
            line=line,
            q=q,
            remote=remote,
            transport=transport,
            user_agent=user_agent,
        )

        registration.additional_properties = d
        return registration

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
