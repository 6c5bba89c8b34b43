from typing import Literal

CallInfoEventType = Literal["call-info"]

CALL_INFO_EVENT_TYPE_VALUES: set[CallInfoEventType] = {
    "call-info",
}


def check_call_info_event_type(value: str) -> CallInfoEventType:
    if value in CALL_INFO_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {CALL_INFO_EVENT_TYPE_VALUES!r}")
