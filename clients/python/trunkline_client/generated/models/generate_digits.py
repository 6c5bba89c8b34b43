from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.generate_digits_mode_type_1 import (
    GenerateDigitsModeType1,
    check_generate_digits_mode_type_1,
)
from ..models.generate_digits_mode_type_2_type_1 import (
    GenerateDigitsModeType2Type1,
    check_generate_digits_mode_type_2_type_1,
)
from ..models.generate_digits_mode_type_3_type_1 import (
    GenerateDigitsModeType3Type1,
    check_generate_digits_mode_type_3_type_1,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="GenerateDigits")


@_attrs_define
class GenerateDigits:
    """The argument of `generate-digits`."""

    digits: None | str | Unset = UNSET
    """ `0`-`9`, `A`-`D`, `*`, `#`, `,` for a pause, `!` for a hookflash; none: what is being said is cancelled. """
    duration_ms: int | None | Unset = UNSET
    """ How long each lasts; clamped. """
    mode: GenerateDigitsModeType1 | GenerateDigitsModeType2Type1 | GenerateDigitsModeType3Type1 | None | Unset = UNSET
    """ LINEDIGITMODE_: `dtmf`. """

    def to_dict(self) -> dict[str, Any]:
        digits: None | str | Unset
        if isinstance(self.digits, Unset):
            digits = UNSET
        else:
            digits = self.digits

        duration_ms: int | None | Unset
        if isinstance(self.duration_ms, Unset):
            duration_ms = UNSET
        else:
            duration_ms = self.duration_ms

        mode: None | str | Unset
        if isinstance(self.mode, Unset):
            mode = UNSET
        elif isinstance(self.mode, str):
            mode = self.mode
        elif isinstance(self.mode, str):
            mode = self.mode
        elif isinstance(self.mode, str):
            mode = self.mode
        else:
            mode = self.mode

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if digits is not UNSET:
            field_dict["digits"] = digits
        if duration_ms is not UNSET:
            field_dict["duration_ms"] = duration_ms
        if mode is not UNSET:
            field_dict["mode"] = mode

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_digits(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        digits = _parse_digits(d.pop("digits", UNSET))

        def _parse_duration_ms(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        duration_ms = _parse_duration_ms(d.pop("duration_ms", UNSET))

        def _parse_mode(
            data: object,
        ) -> GenerateDigitsModeType1 | GenerateDigitsModeType2Type1 | GenerateDigitsModeType3Type1 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                mode_type_1 = check_generate_digits_mode_type_1(data)

                return mode_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, str):
                    raise TypeError()
                mode_type_2_type_1 = check_generate_digits_mode_type_2_type_1(data)

                return mode_type_2_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, str):
                    raise TypeError()
                mode_type_3_type_1 = check_generate_digits_mode_type_3_type_1(data)

                return mode_type_3_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(
                GenerateDigitsModeType1 | GenerateDigitsModeType2Type1 | GenerateDigitsModeType3Type1 | None | Unset,
                data,
            )

        mode = _parse_mode(d.pop("mode", UNSET))

        generate_digits = cls(
            digits=digits,
            duration_ms=duration_ms,
            mode=mode,
        )

        return generate_digits
