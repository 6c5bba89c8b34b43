from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..models.set_call_privilege_privilege import (
    SetCallPrivilegePrivilege,
    check_set_call_privilege_privilege,
)

T = TypeVar("T", bound="SetCallPrivilege")


@_attrs_define
class SetCallPrivilege:
    """The argument of `set-call-privilege`."""

    privilege: SetCallPrivilegePrivilege
    """ `monitor` or `owner`. """

    def to_dict(self) -> dict[str, Any]:
        privilege: str = self.privilege

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "privilege": privilege,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        privilege = check_set_call_privilege_privilege(d.pop("privilege"))

        set_call_privilege = cls(
            privilege=privilege,
        )

        return set_call_privilege
