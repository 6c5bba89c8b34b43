from typing import Literal

GenerateEventType = Literal["generate"]

GENERATE_EVENT_TYPE_VALUES: set[GenerateEventType] = {
    "generate",
}


def check_generate_event_type(value: str) -> GenerateEventType:
    if value in GENERATE_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {GENERATE_EVENT_TYPE_VALUES!r}")
