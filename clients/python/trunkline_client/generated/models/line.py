from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.forward_entry import ForwardEntry
    from ..models.messages import Messages


T = TypeVar("T", bound="Line")


@_attrs_define
class Line:
    """A line as this application sees it."""

    address: str
    """ The address. """
    calls: list[str]
    """ Calls on it that this application has a handle to. """
    completions: list[int]
    """ Call completions that are outstanding: `uncomplete-call` cancels them. """
    contacts: int
    """ Contacts of a phone. """
    do_not_disturb: bool
    """ Whether every call is refused: an unconditional entry without destination. """
    features: list[str]
    """ Operations on the line that would be accepted now. """
    forwarding: list[ForwardEntry]
    """ Where its calls go instead: what `forward` set. """
    kind: str
    """ `phone`, `local` or `trunk`. """
    messages: Messages
    """ The voice messages of a line. """
    name: str
    """ The name a person reads. """
    registered: bool
    """ Whether it can be reached: a phone has a contact, the others always can. """
    rings: int
    """ Rings before a call counts as not answered. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        address = self.address

        calls = self.calls

        completions = self.completions

        contacts = self.contacts

        do_not_disturb = self.do_not_disturb

        features = self.features

        forwarding = []
        for forwarding_item_data in self.forwarding:
            forwarding_item = forwarding_item_data.to_dict()
            forwarding.append(forwarding_item)

        kind = self.kind

        messages = self.messages.to_dict()

        name = self.name

        registered = self.registered

        rings = self.rings

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "address": address,
                "calls": calls,
                "completions": completions,
                "contacts": contacts,
                "do_not_disturb": do_not_disturb,
                "features": features,
                "forwarding": forwarding,
                "kind": kind,
                "messages": messages,
                "name": name,
                "registered": registered,
                "rings": rings,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.forward_entry import ForwardEntry  # noqa: PLC0415
        from ..models.messages import Messages  # noqa: PLC0415

        d = dict(src_dict)
        address = d.pop("address")

        calls = cast(list[str], d.pop("calls"))

        completions = cast(list[int], d.pop("completions"))

        contacts = d.pop("contacts")

        do_not_disturb = d.pop("do_not_disturb")

        features = cast(list[str], d.pop("features"))

        forwarding = []
        _forwarding = d.pop("forwarding")
        for forwarding_item_data in _forwarding:
            forwarding_item = ForwardEntry.from_dict(forwarding_item_data)

            forwarding.append(forwarding_item)

        kind = d.pop("kind")

        messages = Messages.from_dict(d.pop("messages"))

        name = d.pop("name")

        registered = d.pop("registered")

        rings = d.pop("rings")

        line = cls(
            address=address,
            calls=calls,
            completions=completions,
            contacts=contacts,
            do_not_disturb=do_not_disturb,
            features=features,
            forwarding=forwarding,
            kind=kind,
            messages=messages,
            name=name,
            registered=registered,
            rings=rings,
        )

        line.additional_properties = d
        return line

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
