from typing import Literal

QualityLevel = Literal["best-effort", "if-available", "needed"]

QUALITY_LEVEL_VALUES: set[QualityLevel] = {
    "best-effort",
    "if-available",
    "needed",
}


def check_quality_level(value: str) -> QualityLevel:
    if value in QUALITY_LEVEL_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {QUALITY_LEVEL_VALUES!r}")
