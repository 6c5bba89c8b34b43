from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.translate_address_options_item import (
    TranslateAddressOptionsItem,
    check_translate_address_options_item,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="TranslateAddress")


@_attrs_define
class TranslateAddress:
    """The argument of `translate-address`."""

    address: str
    """ Canonical, as in `+1 (425) 555-0100`, or dialable. Of several, parted by CRLF, the first. """
    card: int | None | Unset = UNSET
    """ The calling card; heeded with `cardoverride`. """
    options: list[TranslateAddressOptionsItem] | Unset = UNSET
    """ LINETRANSLATEOPTION_: `cardoverride`, `cancelcallwaiting`, `forcelocal`, `forceld`. """

    def to_dict(self) -> dict[str, Any]:
        address = self.address

        card: int | None | Unset
        if isinstance(self.card, Unset):
            card = UNSET
        else:
            card = self.card

        options: list[str] | Unset = UNSET
        if not isinstance(self.options, Unset):
            options = []
            for options_item_data in self.options:
                options_item: str = options_item_data
                options.append(options_item)

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "address": address,
            }
        )
        if card is not UNSET:
            field_dict["card"] = card
        if options is not UNSET:
            field_dict["options"] = options

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        address = d.pop("address")

        def _parse_card(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        card = _parse_card(d.pop("card", UNSET))

        _options = d.pop("options", UNSET)
        options: list[TranslateAddressOptionsItem] | Unset = UNSET
        if _options is not UNSET:
            options = []
            for options_item_data in _options:
                options_item = check_translate_address_options_item(options_item_data)

                options.append(options_item)

        translate_address = cls(
            address=address,
            card=card,
            options=options,
        )

        return translate_address
