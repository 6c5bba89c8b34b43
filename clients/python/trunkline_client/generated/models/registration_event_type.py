from typing import Literal

RegistrationEventType = Literal["registration"]

REGISTRATION_EVENT_TYPE_VALUES: set[RegistrationEventType] = {
    "registration",
}


def check_registration_event_type(value: str) -> RegistrationEventType:
    if value in REGISTRATION_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {REGISTRATION_EVENT_TYPE_VALUES!r}")
