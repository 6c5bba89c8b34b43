from typing import Literal

AddressStateEventType = Literal["address-state"]

ADDRESS_STATE_EVENT_TYPE_VALUES: set[AddressStateEventType] = {
    "address-state",
}


def check_address_state_event_type(value: str) -> AddressStateEventType:
    if value in ADDRESS_STATE_EVENT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {ADDRESS_STATE_EVENT_TYPE_VALUES!r}")
