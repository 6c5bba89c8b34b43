from typing import Literal

SetAppPriorityMediaMode = Literal["automatedvoice", "g3fax", "interactivevoice", "unknown", "video"]

SET_APP_PRIORITY_MEDIA_MODE_VALUES: set[SetAppPriorityMediaMode] = {
    "automatedvoice",
    "g3fax",
    "interactivevoice",
    "unknown",
    "video",
}


def check_set_app_priority_media_mode(value: str) -> SetAppPriorityMediaMode:
    if value in SET_APP_PRIORITY_MEDIA_MODE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {SET_APP_PRIORITY_MEDIA_MODE_VALUES!r}")
