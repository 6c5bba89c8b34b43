from typing import Literal

GatherDigitsEventType = Literal["gather-digits"]

GATHER_DIGITS_EVENT_TYPE_VALUES: set[GatherDigitsEventType] = {
    "gather-digits",
}


def check_gather_digits_event_type(value: str) -> GatherDigitsEventType:
    if value in GATHER_DIGITS_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {GATHER_DIGITS_EVENT_TYPE_VALUES!r}")
