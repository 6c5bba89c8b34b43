from typing import Literal

CompleteTransferMode = Literal["conference", "transfer"]

COMPLETE_TRANSFER_MODE_VALUES: set[CompleteTransferMode] = {
    "conference",
    "transfer",
}


def check_complete_transfer_mode(value: str) -> CompleteTransferMode:
    if value in COMPLETE_TRANSFER_MODE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {COMPLETE_TRANSFER_MODE_VALUES!r}")
