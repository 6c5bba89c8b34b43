from typing import Literal

LineStateEventType = Literal["line-state"]

LINE_STATE_EVENT_TYPE_VALUES: set[LineStateEventType] = {
    "line-state",
}


def check_line_state_event_type(value: str) -> LineStateEventType:
    if value in LINE_STATE_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {LINE_STATE_EVENT_TYPE_VALUES!r}")
