from typing import Literal

HandoffMediaModeType1 = Literal["automatedvoice", "g3fax", "interactivevoice", "unknown", "video"]

HANDOFF_MEDIA_MODE_TYPE_1_VALUES: set[HandoffMediaModeType1] = {
    "automatedvoice",
    "g3fax",
    "interactivevoice",
    "unknown",
    "video",
}


def check_handoff_media_mode_type_1(value: str) -> HandoffMediaModeType1:
    if value in HANDOFF_MEDIA_MODE_TYPE_1_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {HANDOFF_MEDIA_MODE_TYPE_1_VALUES!r}")
