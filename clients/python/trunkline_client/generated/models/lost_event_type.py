from typing import Literal

LostEventType = Literal["lost"]

LOST_EVENT_TYPE_VALUES: set[LostEventType] = {
    "lost",
}


def check_lost_event_type(value: str) -> LostEventType:
    if value in LOST_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {LOST_EVENT_TYPE_VALUES!r}")
