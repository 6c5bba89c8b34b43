from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Reloaded")


@_attrs_define
class Reloaded:
    """What was loaded."""

    apps: int
    """ How many applications. """
    lines: int
    """ How many lines it names. """
    routes: int
    """ How many routes. """
    trunks: int
    """ How many trunks. """
    file: None | str | Unset = UNSET
    """ The file; none: the built-in default. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        apps = self.apps

        lines = self.lines

        routes = self.routes

        trunks = self.trunks

        file: None | str | Unset
        if isinstance(self.file, Unset):
            file = UNSET
        else:
            file = self.file

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "apps": apps,
                "lines": lines,
                "routes": routes,
                "trunks": trunks,
            }
        )
        if file is not UNSET:
            field_dict["file"] = file

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        apps = d.pop("apps")

        lines = d.pop("lines")

        routes = d.pop("routes")

        trunks = d.pop("trunks")

        def _parse_file(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        file = _parse_file(d.pop("file", UNSET))

        reloaded = cls(
            apps=apps,
            lines=lines,
            routes=routes,
            trunks=trunks,
            file=file,
        )

        reloaded.additional_properties = d
        return reloaded

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
