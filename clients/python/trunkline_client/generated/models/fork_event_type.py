from typing import Literal

ForkEventType = Literal["fork"]

FORK_EVENT_TYPE_VALUES: set[ForkEventType] = {
    "fork",
}


def check_fork_event_type(value: str) -> ForkEventType:
    if value in FORK_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {FORK_EVENT_TYPE_VALUES!r}")
