"""Typed client of Trunkline's HTTP API and of its events.

Operations are in `trunkline_client.generated.api`, what they take and give in `trunkline_client.generated.models`.
"""

from .connect import Daemon, Refused, connect, done, given
from .repeating import Repeating, new_key
from .stream import Event, EventStream, UnknownEvent

__all__ = [
    "Daemon",
    "Event",
    "EventStream",
    "Refused",
    "Repeating",
    "UnknownEvent",
    "connect",
    "done",
    "given",
    "new_key",
]
