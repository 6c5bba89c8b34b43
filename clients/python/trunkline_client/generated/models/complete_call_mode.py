from typing import Literal

CompleteCallMode = Literal["callback", "campon", "intrude", "message"]

COMPLETE_CALL_MODE_VALUES: set[CompleteCallMode] = {
    "callback",
    "campon",
    "intrude",
    "message",
}


def check_complete_call_mode(value: str) -> CompleteCallMode:
    if value in COMPLETE_CALL_MODE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {COMPLETE_CALL_MODE_VALUES!r}")
