from typing import Literal

RecordingEventType = Literal["recording"]

RECORDING_EVENT_TYPE_VALUES: set[RecordingEventType] = {
    "recording",
}


def check_recording_event_type(value: str) -> RecordingEventType:
    if value in RECORDING_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {RECORDING_EVENT_TYPE_VALUES!r}")
