from typing import Literal

Missing = Literal[
    "argument",
    "capability",
    "conference",
    "configuration",
    "destination",
    "engine",
    "far-side",
    "handle",
    "host",
    "method",
    "operator",
    "origin",
    "path",
    "permission",
    "privilege",
    "rate",
    "registration",
    "reply",
    "request",
    "restart",
    "room",
    "size",
    "state",
    "time",
    "token",
    "turn",
    "websocket",
]

MISSING_VALUES: set[Missing] = {
    "argument",
    "capability",
    "conference",
    "configuration",
    "destination",
    "engine",
    "far-side",
    "handle",
    "host",
    "method",
    "operator",
    "origin",
    "path",
    "permission",
    "privilege",
    "rate",
    "registration",
    "reply",
    "request",
    "restart",
    "room",
    "size",
    "state",
    "time",
    "token",
    "turn",
    "websocket",
}


def check_missing(value: str) -> Missing:
    if value in MISSING_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {MISSING_VALUES!r}")
