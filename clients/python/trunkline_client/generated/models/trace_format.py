from typing import Literal

TraceFormat = Literal["json", "mermaid", "pcapng", "text"]

TRACE_FORMAT_VALUES: set[TraceFormat] = {
    "json",
    "mermaid",
    "pcapng",
    "text",
}


def check_trace_format(value: str) -> TraceFormat:
    if value in TRACE_FORMAT_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {TRACE_FORMAT_VALUES!r}")
