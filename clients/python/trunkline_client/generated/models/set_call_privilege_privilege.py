from typing import Literal

SetCallPrivilegePrivilege = Literal["monitor", "owner"]

SET_CALL_PRIVILEGE_PRIVILEGE_VALUES: set[SetCallPrivilegePrivilege] = {
    "monitor",
    "owner",
}


def check_set_call_privilege_privilege(value: str) -> SetCallPrivilegePrivilege:
    if value in SET_CALL_PRIVILEGE_PRIVILEGE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {SET_CALL_PRIVILEGE_PRIVILEGE_VALUES!r}")
