from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.trunk_place import TrunkPlace
    from ..models.trunk_registration import TrunkRegistration


T = TypeVar("T", bound="Trunk")


@_attrs_define
class Trunk:
    """A trunk."""

    calls: int
    """ Calls at this moment, both directions. """
    domain: str
    """ The host of its peer. """
    in_service: bool
    """ Whether calls can be expected to pass: it is registered where it has to be, and a peer that is asked by
    OPTIONS answers. """
    max_calls: int
    """ The most there may be. """
    name: str
    """ The name; also the address of its line. """
    peers: list[TrunkPlace]
    """ Where its calls go, in the order of the configuration. """
    calls_per_second: int | None | Unset = UNSET
    """ Calls out that may begin within a second; null: no limit. """
    registration: None | TrunkRegistration | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.trunk_registration import TrunkRegistration  # noqa: PLC0415

        calls = self.calls

        domain = self.domain

        in_service = self.in_service

        max_calls = self.max_calls

        name = self.name

        peers = []
        for peers_item_data in self.peers:
            peers_item = peers_item_data.to_dict()
            peers.append(peers_item)

        calls_per_second: int | None | Unset
        if isinstance(self.calls_per_second, Unset):
            calls_per_second = UNSET
        else:
            calls_per_second = self.calls_per_second

        registration: dict[str, Any] | None | Unset
        if isinstance(self.registration, Unset):
            registration = UNSET
        elif isinstance(self.registration, TrunkRegistration):
            registration = self.registration.to_dict()
        else:
            registration = self.registration

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "calls": calls,
                "domain": domain,
                "in_service": in_service,
                "max_calls": max_calls,
                "name": name,
                "peers": peers,
            }
        )
        if calls_per_second is not UNSET:
            field_dict["calls_per_second"] = calls_per_second
        if registration is not UNSET:
            field_dict["registration"] = registration

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.trunk_place import TrunkPlace  # noqa: PLC0415
        from ..models.trunk_registration import TrunkRegistration  # noqa: PLC0415

        d = dict(src_dict)
        calls = d.pop("calls")

        domain = d.pop("domain")

        in_service = d.pop("in_service")

        max_calls = d.pop("max_calls")

        name = d.pop("name")

        peers = []
        _peers = d.pop("peers")
        for peers_item_data in _peers:
            peers_item = TrunkPlace.from_dict(peers_item_data)

            peers.append(peers_item)

        def _parse_calls_per_second(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        calls_per_second = _parse_calls_per_second(d.pop("calls_per_second", UNSET))

        def _parse_registration(data: object) -> None | TrunkRegistration | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                registration_type_0 = TrunkRegistration.from_dict(data)

                return registration_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | TrunkRegistration | Unset, data)

        registration = _parse_registration(d.pop("registration", UNSET))

        trunk = cls(
            calls=calls,
            domain=domain,
            in_service=in_service,
            max_calls=max_calls,
            name=name,
            peers=peers,
            calls_per_second=calls_per_second,
            registration=registration,
        )

        trunk.additional_properties = d
        return trunk

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
