from typing import Literal

CallQualityEventType = Literal["call-quality"]

CALL_QUALITY_EVENT_TYPE_VALUES: set[CallQualityEventType] = {
    "call-quality",
}


def check_call_quality_event_type(value: str) -> CallQualityEventType:
    if value in CALL_QUALITY_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {CALL_QUALITY_EVENT_TYPE_VALUES!r}")
