from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..models.quality_level import QualityLevel, check_quality_level

T = TypeVar("T", bound="Quality")


@_attrs_define
class Quality:
    """The argument of `set-call-quality-of-service`."""

    level: QualityLevel
    """ `needed`, `if-available` or `best-effort`. """

    def to_dict(self) -> dict[str, Any]:
        level: str = self.level

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "level": level,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        level = check_quality_level(d.pop("level"))

        quality = cls(
            level=level,
        )

        return quality
