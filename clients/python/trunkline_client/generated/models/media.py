from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.direction import Direction
    from ..models.srtp import Srtp


T = TypeVar("T", bound="Media")


@_attrs_define
class Media:
    """The media between the engine and the station of a call, or the network behind a trunk."""

    foreign: int
    """ Packets from sources that may not speak there. """
    path: str
    """ Who forwards what the station says: `kernel` or `user` space; of a call that is over, most of it. """
    received: Direction
    """ One direction of a call's media since its station has it. What is not known is null. """
    sent: Direction
    """ One direction of a call's media since its station has it. What is not known is null. """
    unauthentic: int
    """ Packets that are not authentic under that: forged, damaged, replayed, of another key, or before there was
    one. """
    codec: None | str | Unset = UNSET
    """ What the station speaks, by its name in SDP; `image/t38` while it faxes. """
    measured: datetime.datetime | None | Unset = UNSET
    """ When this was measured (RFC 3339): at most a few seconds ago, or at the end of the call. """
    quality: None | str | Unset = UNSET
    """ How the call sounded lately, by the worse direction: `good` (estimated MOS from 3.6), `fair` (from 3.1) or
    `poor`. """
    round_trip_ms: float | None | Unset = UNSET
    """ From the engine to the station and back, in milliseconds, by RTCP (RFC 3550 §6.4.1). """
    srtp: None | Srtp | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.srtp import Srtp  # noqa: PLC0415

        foreign = self.foreign

        path = self.path

        received = self.received.to_dict()

        sent = self.sent.to_dict()

        unauthentic = self.unauthentic

        codec: None | str | Unset
        if isinstance(self.codec, Unset):
            codec = UNSET
        else:
            codec = self.codec

        measured: None | str | Unset
        if isinstance(self.measured, Unset):
            measured = UNSET
        elif isinstance(self.measured, datetime.datetime):
            measured = self.measured.isoformat()
        else:
            measured = self.measured

        quality: None | str | Unset
        if isinstance(self.quality, Unset):
            quality = UNSET
        else:
            quality = self.quality

        round_trip_ms: float | None | Unset
        if isinstance(self.round_trip_ms, Unset):
            round_trip_ms = UNSET
        else:
            round_trip_ms = self.round_trip_ms

        srtp: dict[str, Any] | None | Unset
        if isinstance(self.srtp, Unset):
            srtp = UNSET
        elif isinstance(self.srtp, Srtp):
            srtp = self.srtp.to_dict()
        else:
            srtp = self.srtp

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "foreign": foreign,
                "path": path,
                "received": received,
                "sent": sent,
                "unauthentic": unauthentic,
            }
        )
        if codec is not UNSET:
            field_dict["codec"] = codec
        if measured is not UNSET:
            field_dict["measured"] = measured
        if quality is not UNSET:
            field_dict["quality"] = quality
        if round_trip_ms is not UNSET:
            field_dict["round_trip_ms"] = round_trip_ms
        if srtp is not UNSET:
            field_dict["srtp"] = srtp

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.direction import Direction  # noqa: PLC0415
        from ..models.srtp import Srtp  # noqa: PLC0415

        d = dict(src_dict)
        foreign = d.pop("foreign")

        path = d.pop("path")

        received = Direction.from_dict(d.pop("received"))

        sent = Direction.from_dict(d.pop("sent"))

        unauthentic = d.pop("unauthentic")

        def _parse_codec(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        codec = _parse_codec(d.pop("codec", UNSET))

        def _parse_measured(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                measured_type_0 = datetime.datetime.fromisoformat(data)

                return measured_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        measured = _parse_measured(d.pop("measured", UNSET))

        def _parse_quality(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        quality = _parse_quality(d.pop("quality", UNSET))

        def _parse_round_trip_ms(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        round_trip_ms = _parse_round_trip_ms(d.pop("round_trip_ms", UNSET))

        def _parse_srtp(data: object) -> None | Srtp | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                srtp_type_0 = Srtp.from_dict(data)

                return srtp_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Srtp | Unset, data)

        srtp = _parse_srtp(d.pop("srtp", UNSET))

        media = cls(
            foreign=foreign,
            path=path,
            received=received,
            sent=sent,
            unauthentic=unauthentic,
            codec=codec,
            measured=measured,
            quality=quality,
            round_trip_ms=round_trip_ms,
            srtp=srtp,
        )

        media.additional_properties = d
        return media

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
