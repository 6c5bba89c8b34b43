from typing import Literal

TraceEntryType0Kind = Literal["sip"]

TRACE_ENTRY_TYPE_0_KIND_VALUES: set[TraceEntryType0Kind] = {
    "sip",
}


def check_trace_entry_type_0_kind(value: str) -> TraceEntryType0Kind:
    if value in TRACE_ENTRY_TYPE_0_KIND_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {TRACE_ENTRY_TYPE_0_KIND_VALUES!r}")
