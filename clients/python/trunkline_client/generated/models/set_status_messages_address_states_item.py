from typing import Literal

SetStatusMessagesAddressStatesItem = Literal["forward", "numcalls"]

SET_STATUS_MESSAGES_ADDRESS_STATES_ITEM_VALUES: set[SetStatusMessagesAddressStatesItem] = {
    "forward",
    "numcalls",
}


def check_set_status_messages_address_states_item(value: str) -> SetStatusMessagesAddressStatesItem:
    if value in SET_STATUS_MESSAGES_ADDRESS_STATES_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {SET_STATUS_MESSAGES_ADDRESS_STATES_ITEM_VALUES!r}")
