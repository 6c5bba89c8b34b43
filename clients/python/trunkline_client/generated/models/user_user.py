from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="UserUser")


@_attrs_define
class UserUser:
    """The argument of `accept`, `answer` and `drop`."""

    user_user: None | str | Unset = UNSET
    """ User-user information for the far side, in hexadecimal (RFC 7433). """

    def to_dict(self) -> dict[str, Any]:
        user_user: None | str | Unset
        if isinstance(self.user_user, Unset):
            user_user = UNSET
        else:
            user_user = self.user_user

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if user_user is not UNSET:
            field_dict["user_user"] = user_user

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_user_user(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        user_user = _parse_user_user(d.pop("user_user", UNSET))

        user_user = cls(
            user_user=user_user,
        )

        return user_user
