from typing import Literal

OpenLineMediaModesItem = Literal["automatedvoice", "g3fax", "interactivevoice", "unknown", "video"]

OPEN_LINE_MEDIA_MODES_ITEM_VALUES: set[OpenLineMediaModesItem] = {
    "automatedvoice",
    "g3fax",
    "interactivevoice",
    "unknown",
    "video",
}


def check_open_line_media_modes_item(value: str) -> OpenLineMediaModesItem:
    if value in OPEN_LINE_MEDIA_MODES_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {OPEN_LINE_MEDIA_MODES_ITEM_VALUES!r}")
