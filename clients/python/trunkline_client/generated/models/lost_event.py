from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.lost_event_type import LostEventType, check_lost_event_type

T = TypeVar("T", bound="LostEvent")


@_attrs_define
class LostEvent:
    """The client was too slow or away for too long, or the engine started again meanwhile: read the state again. `seq` is
    the last that
    is lost.

    """

    from_: int
    """ The first that is lost. """
    seq: int
    """ Its number. """
    to: int
    """ The last that is lost. """
    type_: LostEventType
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from_ = self.from_

        seq = self.seq

        to = self.to

        type_: str = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "from": from_,
                "seq": seq,
                "to": to,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        from_ = d.pop("from")

        seq = d.pop("seq")

        to = d.pop("to")

        type_ = check_lost_event_type(d.pop("type"))

        lost_event = cls(
            from_=from_,
            seq=seq,
            to=to,
            type_=type_,
        )

        lost_event.additional_properties = d
        return lost_event

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
