from typing import Literal

MonitorMediaEventType = Literal["monitor-media"]

MONITOR_MEDIA_EVENT_TYPE_VALUES: set[MonitorMediaEventType] = {
    "monitor-media",
}


def check_monitor_media_event_type(value: str) -> MonitorMediaEventType:
    if value in MONITOR_MEDIA_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {MONITOR_MEDIA_EVENT_TYPE_VALUES!r}")
