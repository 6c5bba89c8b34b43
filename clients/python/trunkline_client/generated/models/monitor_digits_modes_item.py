from typing import Literal

MonitorDigitsModesItem = Literal["dtmf", "dtmfend"]

MONITOR_DIGITS_MODES_ITEM_VALUES: set[MonitorDigitsModesItem] = {
    "dtmf",
    "dtmfend",
}


def check_monitor_digits_modes_item(value: str) -> MonitorDigitsModesItem:
    if value in MONITOR_DIGITS_MODES_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {MONITOR_DIGITS_MODES_ITEM_VALUES!r}")
