from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="GatherDigits")


@_attrs_define
class GatherDigits:
    """The argument of `gather-digits`; without a count: cancels."""

    count: int | None | Unset = UNSET
    """ How many digits. """
    first_digit_timeout_ms: int | None | Unset = UNSET
    """ How long the first digit is waited for. """
    inter_digit_timeout_ms: int | None | Unset = UNSET
    """ How long each further digit is waited for. """
    termination_digits: None | str | Unset = UNSET
    """ Digits that end it. """

    def to_dict(self) -> dict[str, Any]:
        count: int | None | Unset
        if isinstance(self.count, Unset):
            count = UNSET
        else:
            count = self.count

        first_digit_timeout_ms: int | None | Unset
        if isinstance(self.first_digit_timeout_ms, Unset):
            first_digit_timeout_ms = UNSET
        else:
            first_digit_timeout_ms = self.first_digit_timeout_ms

        inter_digit_timeout_ms: int | None | Unset
        if isinstance(self.inter_digit_timeout_ms, Unset):
            inter_digit_timeout_ms = UNSET
        else:
            inter_digit_timeout_ms = self.inter_digit_timeout_ms

        termination_digits: None | str | Unset
        if isinstance(self.termination_digits, Unset):
            termination_digits = UNSET
        else:
            termination_digits = self.termination_digits

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if count is not UNSET:
            field_dict["count"] = count
        if first_digit_timeout_ms is not UNSET:
            field_dict["first_digit_timeout_ms"] = first_digit_timeout_ms
        if inter_digit_timeout_ms is not UNSET:
            field_dict["inter_digit_timeout_ms"] = inter_digit_timeout_ms
        if termination_digits is not UNSET:
            field_dict["termination_digits"] = termination_digits

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_count(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        count = _parse_count(d.pop("count", UNSET))

        def _parse_first_digit_timeout_ms(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        first_digit_timeout_ms = _parse_first_digit_timeout_ms(d.pop("first_digit_timeout_ms", UNSET))

        def _parse_inter_digit_timeout_ms(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        inter_digit_timeout_ms = _parse_inter_digit_timeout_ms(d.pop("inter_digit_timeout_ms", UNSET))

        def _parse_termination_digits(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        termination_digits = _parse_termination_digits(d.pop("termination_digits", UNSET))

        gather_digits = cls(
            count=count,
            first_digit_timeout_ms=first_digit_timeout_ms,
            inter_digit_timeout_ms=inter_digit_timeout_ms,
            termination_digits=termination_digits,
        )

        return gather_digits
