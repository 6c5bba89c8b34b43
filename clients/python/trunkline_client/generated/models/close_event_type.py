from typing import Literal

CloseEventType = Literal["close"]

CLOSE_EVENT_TYPE_VALUES: set[CloseEventType] = {
    "close",
}


def check_close_event_type(value: str) -> CloseEventType:
    if value in CLOSE_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {CLOSE_EVENT_TYPE_VALUES!r}")
