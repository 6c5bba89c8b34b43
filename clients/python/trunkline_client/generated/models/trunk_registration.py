from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.trunk_failure import TrunkFailure


T = TypeVar("T", bound="TrunkRegistration")


@_attrs_define
class TrunkRegistration:
    """How a trunk stands with its registrar."""

    registered: bool
    """ Whether it is registered. """
    expires_s: int | None | Unset = UNSET
    """ How long it lasts if it is not refreshed, in seconds. """
    last_failure: None | TrunkFailure | Unset = UNSET
    peer: None | str | Unset = UNSET
    """ Where it is registered, or was asked last. """
    retry_s: int | None | Unset = UNSET
    """ In how many seconds it is tried again; null while it is registered, or asked. """
    since: datetime.datetime | None | Unset = UNSET
    """ Since when. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.trunk_failure import TrunkFailure  # noqa: PLC0415

        registered = self.registered

        expires_s: int | None | Unset
        if isinstance(self.expires_s, Unset):
            expires_s = UNSET
        else:
            expires_s = self.expires_s

        last_failure: dict[str, Any] | None | Unset
        if isinstance(self.last_failure, Unset):
            last_failure = UNSET
        elif isinstance(self.last_failure, TrunkFailure):
            last_failure = self.last_failure.to_dict()
        else:
            last_failure = self.last_failure

        peer: None | str | Unset
        if isinstance(self.peer, Unset):
            peer = UNSET
        else:
            peer = self.peer

        retry_s: int | None | Unset
        if isinstance(self.retry_s, Unset):
            retry_s = UNSET
        else:
            retry_s = self.retry_s

        since: None | str | Unset
        if isinstance(self.since, Unset):
            since = UNSET
        elif isinstance(self.since, datetime.datetime):
            since = self.since.isoformat()
        else:
            since = self.since

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "registered": registered,
            }
        )
        if expires_s is not UNSET:
            field_dict["expires_s"] = expires_s
        if last_failure is not UNSET:
            field_dict["last_failure"] = last_failure
        if peer is not UNSET:
            field_dict["peer"] = peer
        if retry_s is not UNSET:
            field_dict["retry_s"] = retry_s
        if since is not UNSET:
            field_dict["since"] = since

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.trunk_failure import TrunkFailure  # noqa: PLC0415

        d = dict(src_dict)
        registered = d.pop("registered")

        def _parse_expires_s(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        expires_s = _parse_expires_s(d.pop("expires_s", UNSET))

        def _parse_last_failure(data: object) -> None | TrunkFailure | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                last_failure_type_0 = TrunkFailure.from_dict(data)

                return last_failure_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | TrunkFailure | Unset, data)

        last_failure = _parse_last_failure(d.pop("last_failure", UNSET))

        def _parse_peer(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        peer = _parse_peer(d.pop("peer", UNSET))

        def _parse_retry_s(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        retry_s = _parse_retry_s(d.pop("retry_s", UNSET))

        def _parse_since(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                since_type_0 = datetime.datetime.fromisoformat(data)

                return since_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        since = _parse_since(d.pop("since", UNSET))

        trunk_registration = cls(
            registered=registered,
            expires_s=expires_s,
            last_failure=last_failure,
            peer=peer,
            retry_s=retry_s,
            since=since,
        )

        trunk_registration.additional_properties = d
        return trunk_registration

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
