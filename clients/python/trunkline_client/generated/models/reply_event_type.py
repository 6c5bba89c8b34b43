from typing import Literal

ReplyEventType = Literal["reply"]

REPLY_EVENT_TYPE_VALUES: set[ReplyEventType] = {
    "reply",
}


def check_reply_event_type(value: str) -> ReplyEventType:
    if value in REPLY_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {REPLY_EVENT_TYPE_VALUES!r}")
