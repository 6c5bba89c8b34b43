from typing import Literal

TraceEntryType1Kind = Literal["state"]

TRACE_ENTRY_TYPE_1_KIND_VALUES: set[TraceEntryType1Kind] = {
    "state",
}


def check_trace_entry_type_1_kind(value: str) -> TraceEntryType1Kind:
    if value in TRACE_ENTRY_TYPE_1_KIND_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {TRACE_ENTRY_TYPE_1_KIND_VALUES!r}")
