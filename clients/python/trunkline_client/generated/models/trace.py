from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.trace_entry_type_0 import TraceEntryType0
    from ..models.trace_entry_type_1 import TraceEntryType1
    from ..models.trace_entry_type_2 import TraceEntryType2
    from ..models.trace_entry_type_3 import TraceEntryType3


T = TypeVar("T", bound="Trace")


@_attrs_define
class Trace:
    """What happened around a call."""

    entries: list[TraceEntryType0 | TraceEntryType1 | TraceEntryType2 | TraceEntryType3]
    """ In the order of time. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.trace_entry_type_0 import TraceEntryType0  # noqa: PLC0415
        from ..models.trace_entry_type_1 import TraceEntryType1  # noqa: PLC0415
        from ..models.trace_entry_type_2 import TraceEntryType2  # noqa: PLC0415

        entries = []
        for entries_item_data in self.entries:
            entries_item: dict[str, Any]
            if isinstance(entries_item_data, TraceEntryType0):
                entries_item = entries_item_data.to_dict()
            elif isinstance(entries_item_data, TraceEntryType1):
                entries_item = entries_item_data.to_dict()
            elif isinstance(entries_item_data, TraceEntryType2):
                entries_item = entries_item_data.to_dict()
            else:
                entries_item = entries_item_data.to_dict()

            entries.append(entries_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "entries": entries,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.trace_entry_type_0 import TraceEntryType0  # noqa: PLC0415
        from ..models.trace_entry_type_1 import TraceEntryType1  # noqa: PLC0415
        from ..models.trace_entry_type_2 import TraceEntryType2  # noqa: PLC0415
        from ..models.trace_entry_type_3 import TraceEntryType3  # noqa: PLC0415

        d = dict(src_dict)
        entries = []
        _entries = d.pop("entries")
        for entries_item_data in _entries:

            def _parse_entries_item(
                data: object,
            ) -> TraceEntryType0 | TraceEntryType1 | TraceEntryType2 | TraceEntryType3:
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    componentsschemas_trace_entry_type_0 = TraceEntryType0.from_dict(data)

                    return componentsschemas_trace_entry_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    componentsschemas_trace_entry_type_1 = TraceEntryType1.from_dict(data)

                    return componentsschemas_trace_entry_type_1
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    componentsschemas_trace_entry_type_2 = TraceEntryType2.from_dict(data)

                    return componentsschemas_trace_entry_type_2
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_trace_entry_type_3 = TraceEntryType3.from_dict(data)

                return componentsschemas_trace_entry_type_3

            entries_item = _parse_entries_item(entries_item_data)

            entries.append(entries_item)

        trace = cls(
            entries=entries,
        )

        trace.additional_properties = d
        return trace

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
