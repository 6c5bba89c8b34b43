from typing import Literal

SetStatusMessagesLineStatesItem = Literal[
    "close",
    "complcancel",
    "inservice",
    "msgwaitoff",
    "msgwaiton",
    "numcalls",
    "numcompletions",
    "open",
    "outofservice",
    "ringing",
    "translatechange",
]

SET_STATUS_MESSAGES_LINE_STATES_ITEM_VALUES: set[SetStatusMessagesLineStatesItem] = {
    "close",
    "complcancel",
    "inservice",
    "msgwaitoff",
    "msgwaiton",
    "numcalls",
    "numcompletions",
    "open",
    "outofservice",
    "ringing",
    "translatechange",
}


def check_set_status_messages_line_states_item(value: str) -> SetStatusMessagesLineStatesItem:
    if value in SET_STATUS_MESSAGES_LINE_STATES_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {SET_STATUS_MESSAGES_LINE_STATES_ITEM_VALUES!r}")
