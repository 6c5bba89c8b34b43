from typing import Literal

MediaModesMediaModesItem = Literal["automatedvoice", "g3fax", "interactivevoice", "unknown", "video"]

MEDIA_MODES_MEDIA_MODES_ITEM_VALUES: set[MediaModesMediaModesItem] = {
    "automatedvoice",
    "g3fax",
    "interactivevoice",
    "unknown",
    "video",
}


def check_media_modes_media_modes_item(value: str) -> MediaModesMediaModesItem:
    if value in MEDIA_MODES_MEDIA_MODES_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {MEDIA_MODES_MEDIA_MODES_ITEM_VALUES!r}")
