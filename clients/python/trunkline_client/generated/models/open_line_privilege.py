from typing import Literal

OpenLinePrivilege = Literal["monitor", "none", "owner"]

OPEN_LINE_PRIVILEGE_VALUES: set[OpenLinePrivilege] = {
    "monitor",
    "none",
    "owner",
}


def check_open_line_privilege(value: str) -> OpenLinePrivilege:
    if value in OPEN_LINE_PRIVILEGE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {OPEN_LINE_PRIVILEGE_VALUES!r}")
