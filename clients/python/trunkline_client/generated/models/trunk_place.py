from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.trunk_failure import TrunkFailure


T = TypeVar("T", bound="TrunkPlace")


@_attrs_define
class TrunkPlace:
    """A place that calls of a trunk go to."""

    peer: str
    """ Transport and address. """
    state: str
    """ `up`: calls go there. They go there only where nobody else is left in the others: `resting`: it was silent
    or overloaded;
    `down`: it is asked by OPTIONS, and does not answer. """
    last_failure: None | TrunkFailure | Unset = UNSET
    rests_s: int | None | Unset = UNSET
    """ For how many seconds it rests; null where it does not. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.trunk_failure import TrunkFailure  # noqa: PLC0415

        peer = self.peer

        state = self.state

        last_failure: dict[str, Any] | None | Unset
        if isinstance(self.last_failure, Unset):
            last_failure = UNSET
        elif isinstance(self.last_failure, TrunkFailure):
            last_failure = self.last_failure.to_dict()
        else:
            last_failure = self.last_failure

        rests_s: int | None | Unset
        if isinstance(self.rests_s, Unset):
            rests_s = UNSET
        else:
            rests_s = self.rests_s

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "peer": peer,
                "state": state,
            }
        )
        if last_failure is not UNSET:
            field_dict["last_failure"] = last_failure
        if rests_s is not UNSET:
            field_dict["rests_s"] = rests_s

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.trunk_failure import TrunkFailure  # noqa: PLC0415

        d = dict(src_dict)
        peer = d.pop("peer")

        state = d.pop("state")

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

        def _parse_rests_s(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        rests_s = _parse_rests_s(d.pop("rests_s", UNSET))

        trunk_place = cls(
            peer=peer,
            state=state,
            last_failure=last_failure,
            rests_s=rests_s,
        )

        trunk_place.additional_properties = d
        return trunk_place

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
