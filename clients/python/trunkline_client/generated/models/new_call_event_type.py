from typing import Literal

NewCallEventType = Literal["new-call"]

NEW_CALL_EVENT_TYPE_VALUES: set[NewCallEventType] = {
    "new-call",
}


def check_new_call_event_type(value: str) -> NewCallEventType:
    if value in NEW_CALL_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {NEW_CALL_EVENT_TYPE_VALUES!r}")
