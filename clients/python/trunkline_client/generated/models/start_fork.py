from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="StartFork")


@_attrs_define
class StartFork:
    """The argument of `start-fork`."""

    url: str
    """ A WebSocket that `[fork] allow` names, or below one: `ws://` or `wss://`. """
    authorization: None | str | Unset = UNSET
    """ The value of the Authorization header of the request to it. It is neither shown nor logged. """

    def to_dict(self) -> dict[str, Any]:
        url = self.url

        authorization: None | str | Unset
        if isinstance(self.authorization, Unset):
            authorization = UNSET
        else:
            authorization = self.authorization

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "url": url,
            }
        )
        if authorization is not UNSET:
            field_dict["authorization"] = authorization

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        url = d.pop("url")

        def _parse_authorization(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        authorization = _parse_authorization(d.pop("authorization", UNSET))

        start_fork = cls(
            url=url,
            authorization=authorization,
        )

        return start_fork
