from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Direction")


@_attrs_define
class Direction:
    """One direction of a call's media since its station has it. What is not known is null."""

    bytes_: int
    """ Their headers and payload, in bytes. """
    packets: int
    """ RTP packets, and datagrams of fax. """
    duplicates: int | None | Unset = UNSET
    """ Packets that arrived more than once. """
    jitter_ms: float | None | Unset = UNSET
    """ Interarrival jitter (RFC 3550), in milliseconds. """
    late: int | None | Unset = UNSET
    """ Packets that arrived after one with a higher sequence number. """
    loss_percent: float | None | Unset = UNSET
    """ The same of those that were sent (with `sent`: until the station's last report), in percent. """
    lost: int | None | Unset = UNSET
    """ Packets that did not arrive. """
    mos: float | None | Unset = UNSET
    """ The mean opinion score, 1 to 4.41, estimated from codec, loss and delay (ITU-T G.107, simplified). """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        bytes_ = self.bytes_

        packets = self.packets

        duplicates: int | None | Unset
        if isinstance(self.duplicates, Unset):
            duplicates = UNSET
        else:
            duplicates = self.duplicates

        jitter_ms: float | None | Unset
        if isinstance(self.jitter_ms, Unset):
            jitter_ms = UNSET
        else:
            jitter_ms = self.jitter_ms

        late: int | None | Unset
        if isinstance(self.late, Unset):
            late = UNSET
        else:
            late = self.late

        loss_percent: float | None | Unset
        if isinstance(self.loss_percent, Unset):
            loss_percent = UNSET
        else:
            loss_percent = self.loss_percent

        lost: int | None | Unset
        if isinstance(self.lost, Unset):
            lost = UNSET
        else:
            lost = self.lost

        mos: float | None | Unset
        if isinstance(self.mos, Unset):
            mos = UNSET
        else:
            mos = self.mos

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "bytes": bytes_,
                "packets": packets,
            }
        )
        if duplicates is not UNSET:
            field_dict["duplicates"] = duplicates
        if jitter_ms is not UNSET:
            field_dict["jitter_ms"] = jitter_ms
        if late is not UNSET:
            field_dict["late"] = late
        if loss_percent is not UNSET:
            field_dict["loss_percent"] = loss_percent
        if lost is not UNSET:
            field_dict["lost"] = lost
        if mos is not UNSET:
            field_dict["mos"] = mos

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        bytes_ = d.pop("bytes")

        packets = d.pop("packets")

        def _parse_duplicates(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        duplicates = _parse_duplicates(d.pop("duplicates", UNSET))

        def _parse_jitter_ms(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        jitter_ms = _parse_jitter_ms(d.pop("jitter_ms", UNSET))

        def _parse_late(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        late = _parse_late(d.pop("late", UNSET))

        def _parse_loss_percent(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        loss_percent = _parse_loss_percent(d.pop("loss_percent", UNSET))

        def _parse_lost(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        lost = _parse_lost(d.pop("lost", UNSET))

        def _parse_mos(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        mos = _parse_mos(d.pop("mos", UNSET))

        direction = cls(
            bytes_=bytes_,
            packets=packets,
            duplicates=duplicates,
            jitter_ms=jitter_ms,
            late=late,
            loss_percent=loss_percent,
            lost=lost,
            mos=mos,
        )

        direction.additional_properties = d
        return direction

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
