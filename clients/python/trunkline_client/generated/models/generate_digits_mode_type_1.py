from typing import Literal

GenerateDigitsModeType1 = Literal["dtmf", "dtmfend"]

GENERATE_DIGITS_MODE_TYPE_1_VALUES: set[GenerateDigitsModeType1] = {
    "dtmf",
    "dtmfend",
}


def check_generate_digits_mode_type_1(value: str) -> GenerateDigitsModeType1:
    if value in GENERATE_DIGITS_MODE_TYPE_1_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {GENERATE_DIGITS_MODE_TYPE_1_VALUES!r}")
