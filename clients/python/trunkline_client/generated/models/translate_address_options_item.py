from typing import Literal

TranslateAddressOptionsItem = Literal["cancelcallwaiting", "cardoverride", "forceld", "forcelocal"]

TRANSLATE_ADDRESS_OPTIONS_ITEM_VALUES: set[TranslateAddressOptionsItem] = {
    "cancelcallwaiting",
    "cardoverride",
    "forceld",
    "forcelocal",
}


def check_translate_address_options_item(value: str) -> TranslateAddressOptionsItem:
    if value in TRANSLATE_ADDRESS_OPTIONS_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {TRANSLATE_ADDRESS_OPTIONS_ITEM_VALUES!r}")
