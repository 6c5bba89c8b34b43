from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.forward_item import ForwardItem


T = TypeVar("T", bound="Forward")


@_attrs_define
class Forward:
    """The argument of `forward`: the whole list; an empty one cancels all forwarding."""

    entries: list[ForwardItem] | Unset = UNSET
    """ The entries. """
    rings: int | None | Unset = UNSET
    """ Rings before a call counts as not answered. """

    def to_dict(self) -> dict[str, Any]:
        entries: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.entries, Unset):
            entries = []
            for entries_item_data in self.entries:
                entries_item = entries_item_data.to_dict()
                entries.append(entries_item)

        rings: int | None | Unset
        if isinstance(self.rings, Unset):
            rings = UNSET
        else:
            rings = self.rings

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if entries is not UNSET:
            field_dict["entries"] = entries
        if rings is not UNSET:
            field_dict["rings"] = rings

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.forward_item import ForwardItem  # noqa: PLC0415

        d = dict(src_dict)
        _entries = d.pop("entries", UNSET)
        entries: list[ForwardItem] | Unset = UNSET
        if _entries is not UNSET:
            entries = []
            for entries_item_data in _entries:
                entries_item = ForwardItem.from_dict(entries_item_data)

                entries.append(entries_item)

        def _parse_rings(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        rings = _parse_rings(d.pop("rings", UNSET))

        forward = cls(
            entries=entries,
            rings=rings,
        )

        return forward
