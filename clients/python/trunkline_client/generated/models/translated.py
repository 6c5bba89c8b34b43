from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Translated")


@_attrs_define
class Translated:
    """What a translation found (LINETRANSLATEOUTPUT)."""

    current_country: int
    """ The country code of the line's location; 0: the line has none. """
    dest_country: int
    """ The country code of the destination; 0: the address was not canonical. """
    dialable: str
    """ What to dial. It may hold the number of a calling card: do not show it, do not log it. """
    displayable: str
    """ What may be shown and logged. """
    results: list[str]
    """ LINETRANSLATERESULT_, in the order of their values. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        current_country = self.current_country

        dest_country = self.dest_country

        dialable = self.dialable

        displayable = self.displayable

        results = self.results

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "current_country": current_country,
                "dest_country": dest_country,
                "dialable": dialable,
                "displayable": displayable,
                "results": results,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        current_country = d.pop("current_country")

        dest_country = d.pop("dest_country")

        dialable = d.pop("dialable")

        displayable = d.pop("displayable")

        results = cast(list[str], d.pop("results"))

        translated = cls(
            current_country=current_country,
            dest_country=dest_country,
            dialable=dialable,
            displayable=displayable,
            results=results,
        )

        translated.additional_properties = d
        return translated

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
