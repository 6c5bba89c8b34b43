from typing import Literal

ParkedEventType = Literal["parked"]

PARKED_EVENT_TYPE_VALUES: set[ParkedEventType] = {
    "parked",
}


def check_parked_event_type(value: str) -> ParkedEventType:
    if value in PARKED_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {PARKED_EVENT_TYPE_VALUES!r}")
