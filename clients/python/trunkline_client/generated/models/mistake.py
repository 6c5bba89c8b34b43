from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Mistake")


@_attrs_define
class Mistake:
    """One thing wrong in the configuration."""

    file: str
    """ The file. """
    key: str
    """ The key with the name of its table; empty where the text is no TOML. """
    line: int
    """ The line, from 1; 0: the file as a whole, or a key that is not written. """
    right: str
    """ What would be right. """
    wrong: str
    """ What is wrong. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        file = self.file

        key = self.key

        line = self.line

        right = self.right

        wrong = self.wrong

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "file": file,
                "key": key,
                "line": line,
                "right": right,
                "wrong": wrong,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        file = d.pop("file")

        key = d.pop("key")

        line = d.pop("line")

        right = d.pop("right")

        wrong = d.pop("wrong")

        mistake = cls(
            file=file,
            key=key,
            line=line,
            right=right,
            wrong=wrong,
        )

        mistake.additional_properties = d
        return mistake

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
