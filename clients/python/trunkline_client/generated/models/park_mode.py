from typing import Literal

ParkMode = Literal["directed", "nondirected"]

PARK_MODE_VALUES: set[ParkMode] = {
    "directed",
    "nondirected",
}


def check_park_mode(value: str) -> ParkMode:
    if value in PARK_MODE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {PARK_MODE_VALUES!r}")
