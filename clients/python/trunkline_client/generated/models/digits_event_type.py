from typing import Literal

DigitsEventType = Literal["digits"]

DIGITS_EVENT_TYPE_VALUES: set[DigitsEventType] = {
    "digits",
}


def check_digits_event_type(value: str) -> DigitsEventType:
    if value in DIGITS_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {DIGITS_EVENT_TYPE_VALUES!r}")
