"""The events of an application, each once, however often the connection breaks."""

import asyncio
import json
import random
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from .connect import Daemon, Refused
from .events import CLASSES, KnownEvent
from .generated.models.lost_event import LostEvent
from .generated.models.problem import Problem


@dataclass(frozen=True)
class UnknownEvent:
    """An event of a type that a later daemon tells."""

    seq: int
    type_: str
    fields: dict[str, Any]


Event = KnownEvent | UnknownEvent


def parse(text: str | bytes) -> Event:
    """An event as the class of its type."""
    fields: dict[str, Any] = json.loads(text)
    known = CLASSES.get(fields["type"])
    return known.from_dict(fields) if known else UnknownEvent(fields["seq"], fields["type"], fields)


class EventStream:
    """The events of the application: `async with EventStream(daemon) as events`, then `async for event in events`.

    When the connection breaks it is opened again behind the last event, so none is lost and none comes twice. A LostEvent says that the
    daemon could not keep that promise (it was away for too long, or the daemon started again): read the state anew and go on. A slow
    reader keeps a few events; the others wait in the daemon.

    `after`: begin behind the event with this seq; by default with the next event.
    """

    def __init__(self, daemon: Daemon, after: int | None = None) -> None:
        self.seq = after
        """The seq of the last event that was read: whoever ends and begins again gives it as `after`."""
        self._daemon = daemon
        self._socket: ClientConnection | None = None

    async def __aenter__(self) -> "EventStream":
        """Opens it. What happens from then on is in it. Fails where the daemon is not there or refuses."""
        try:
            self._socket = await self._open()
        except InvalidStatus as refusal:
            raise _refused(refusal) from refusal
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket:
            await self._socket.close()

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> Event:
        while True:
            if self._socket is None:
                self._socket = await self._open_again()
                if self.seq is None:
                    # Whoever has no number yet cannot ask for what happened meanwhile: he is told so.
                    return LostEvent(from_=0, seq=0, to=0, type_="lost")
            try:
                event = parse(await self._socket.recv())
            except ConnectionClosed:
                self._socket = None
            else:
                self.seq = event.seq
                return event

    async def _open_again(self) -> ClientConnection:
        failures = 0
        while True:
            most = min(REST_MAX_S, REST_S * 2**failures)
            await asyncio.sleep(most * random.uniform(0.5, 1))
            failures += 1
            try:
                return await self._open()
            except InvalidStatus as refusal:
                status = refusal.response.status_code
                if 400 <= status < 500 and status != TOO_MANY_REQUESTS:
                    raise _refused(refusal) from refusal
            except (OSError, InvalidHandshake, TimeoutError):
                pass

    async def _open(self) -> ClientConnection:
        parts = urlsplit(self._daemon.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        query = "" if self.seq is None else f"after={self.seq}"
        address = urlunsplit((scheme, parts.netloc, "/v1/events", query, ""))
        headers = {"Authorization": f"Bearer {self._daemon.token}"}
        return await open_socket(address, additional_headers=headers, max_queue=WAITING_MAX)


def _refused(refusal: InvalidStatus) -> Exception:
    try:
        return Refused(Problem.from_dict(json.loads(refusal.response.body or b"")))
    except (ValueError, KeyError):
        # Of a proxy, say, which is no daemon and sends no problem.
        return RuntimeError(f"the event stream answered with HTTP {refusal.response.status_code}")


WAITING_MAX = 64
"""Events that wait for a slow reader; the socket's buffers fill behind them, and at last the daemon closes it."""
REST_S = 0.1
REST_MAX_S = 5.0
TOO_MANY_REQUESTS = 429
