from typing import Literal

TraceEntryType2Kind = Literal["media"]

TRACE_ENTRY_TYPE_2_KIND_VALUES: set[TraceEntryType2Kind] = {
    "media",
}


def check_trace_entry_type_2_kind(value: str) -> TraceEntryType2Kind:
    if value in TRACE_ENTRY_TYPE_2_KIND_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {TRACE_ENTRY_TYPE_2_KIND_VALUES!r}")
