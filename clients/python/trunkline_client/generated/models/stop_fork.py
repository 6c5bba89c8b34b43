from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="StopFork")


@_attrs_define
class StopFork:
    """The argument of `stop-fork`."""

    fork: None | str | Unset = UNSET
    """ Which; none: all of the call. """

    def to_dict(self) -> dict[str, Any]:
        fork: None | str | Unset
        if isinstance(self.fork, Unset):
            fork = UNSET
        else:
            fork = self.fork

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if fork is not UNSET:
            field_dict["fork"] = fork

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_fork(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        fork = _parse_fork(d.pop("fork", UNSET))

        stop_fork = cls(
            fork=fork,
        )

        return stop_fork
