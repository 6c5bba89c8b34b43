from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="UncompleteCall")


@_attrs_define
class UncompleteCall:
    """The argument of `uncomplete-call`."""

    completion: int
    """ The request that is outstanding. """

    def to_dict(self) -> dict[str, Any]:
        completion = self.completion

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "completion": completion,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        completion = d.pop("completion")

        uncomplete_call = cls(
            completion=completion,
        )

        return uncomplete_call
