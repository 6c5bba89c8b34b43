from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="AddToConference")


@_attrs_define
class AddToConference:
    """The argument of `add-to-conference`."""

    consult: str
    """ The call to add. """

    def to_dict(self) -> dict[str, Any]:
        consult = self.consult

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "consult": consult,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        consult = d.pop("consult")

        add_to_conference = cls(
            consult=consult,
        )

        return add_to_conference
