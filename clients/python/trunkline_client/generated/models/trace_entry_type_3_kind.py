from typing import Literal

TraceEntryType3Kind = Literal["operation"]

TRACE_ENTRY_TYPE_3_KIND_VALUES: set[TraceEntryType3Kind] = {
    "operation",
}


def check_trace_entry_type_3_kind(value: str) -> TraceEntryType3Kind:
    if value in TRACE_ENTRY_TYPE_3_KIND_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {TRACE_ENTRY_TYPE_3_KIND_VALUES!r}")
