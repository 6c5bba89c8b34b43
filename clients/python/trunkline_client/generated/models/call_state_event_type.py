from typing import Literal

CallStateEventType = Literal["call-state"]

CALL_STATE_EVENT_TYPE_VALUES: set[CallStateEventType] = {
    "call-state",
}


def check_call_state_event_type(value: str) -> CallStateEventType:
    if value in CALL_STATE_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {CALL_STATE_EVENT_TYPE_VALUES!r}")
