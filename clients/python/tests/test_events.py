"""The stream over connections that break: with a server whose events are known, and which may forget, refuse and hurry."""

import asyncio
import json
import unittest
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from trunkline_client import Daemon, EventStream, Refused, UnknownEvent
from trunkline_client.events import CLASSES
from trunkline_client.generated import models
from trunkline_client.generated.models import CallStateEvent, CloseEvent, LostEvent
from trunkline_client.stream import parse


class Engine:
    """Sends the events from `after` on."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.tokens: list[str] = []
        self.sockets: set[ServerConnection] = set()
        self.refusal: HTTPStatus | None = None
        self.refused = asyncio.Event()
        self.last = 0
        self.server: Server

    async def __aenter__(self) -> "Engine":
        self.server = await serve(self.serve, "127.0.0.1", 0, process_request=self.admit)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        self.server.close()
        await self.server.wait_closed()

    @property
    def daemon(self) -> Daemon:
        port = next(iter(self.server.sockets)).getsockname()[1]
        return Daemon(f"http://127.0.0.1:{port}", "a-token")

    def admit(self, socket: ServerConnection, request: Request) -> Response | None:
        self.tokens.append(request.headers["Authorization"])
        if self.refusal is None:
            return None
        self.refused.set()
        explain = {"missing": "token", "sentence": "Say who asks."}
        problem = {"code": "unauthorized", "detail": "Who?", "status": self.refusal.value, "title": "", "explain": explain}
        return socket.respond(self.refusal, json.dumps(problem))

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        after = parse_qs(urlsplit(socket.request.path).query).get("after", [None])[0]
        self.asked.append(after)
        for seq in range(self.last + 1 if after is None else int(after) + 1, self.last + 1):
            await socket.send(text(seq))
        self.sockets.add(socket)
        await socket.wait_closed()
        self.sockets.discard(socket)

    async def tell(self, count: int) -> None:
        for _ in range(count):
            self.last += 1
            for socket in list(self.sockets):
                await socket.send(text(self.last))

    def cut(self) -> None:
        """As a cable that is pulled."""
        for socket in list(self.sockets):
            socket.transport.abort()
        self.sockets.clear()


class Events(unittest.IsolatedAsyncioTestCase):
    async def test_fifty_cuts_lose_nothing_and_double_nothing(self) -> None:
        seen = []
        async with Engine() as engine, EventStream(engine.daemon, after=0) as events:
            await engine.tell(3)
            async for event in events:
                seen.append(event.seq)
                if event.seq == 300:
                    break
                if event.seq % 6 == 0 and event.seq == engine.last:
                    engine.cut()
                if event.seq == engine.last:
                    await engine.tell(3)
            self.assertEqual(seen, list(range(1, 301)))
            self.assertGreaterEqual(len(engine.asked), 50)
            self.assertEqual(set(engine.tokens), {"Bearer a-token"})
            self.assertEqual(events.seq, 300)

    async def test_who_had_no_event_yet_is_told_that_some_may_be_lost(self) -> None:
        async with Engine() as engine, EventStream(engine.daemon) as events:
            while not engine.sockets:
                await asyncio.sleep(0)
            engine.cut()
            self.assertEqual(await anext(events), LostEvent(from_=0, seq=0, to=0, type_="lost"))
            while not engine.sockets:
                await asyncio.sleep(0)
            await engine.tell(1)
            self.assertEqual((await anext(events)).seq, 1)
            self.assertEqual(engine.asked, [None, None])

    async def test_a_slow_reader_has_all_in_the_end(self) -> None:
        async with Engine() as engine:
            engine.last = 3_000
            async with EventStream(engine.daemon, after=0) as events:
                for seq in range(1, 3_001):
                    self.assertEqual((await anext(events)).seq, seq)

    async def test_a_refusal_ends_the_stream_and_a_daemon_that_is_full_does_not(self) -> None:
        async with Engine() as engine:
            engine.refusal = HTTPStatus.UNAUTHORIZED
            with self.assertRaisesRegex(Refused, "unauthorized: Who?"):
                await EventStream(engine.daemon).__aenter__()
            engine.refusal = None
            async with EventStream(engine.daemon, after=0) as events:
                engine.refusal = HTTPStatus.SERVICE_UNAVAILABLE
                engine.refused.clear()
                while not engine.sockets:
                    await asyncio.sleep(0)
                engine.cut()
                next_event = asyncio.ensure_future(anext(events))
                await engine.refused.wait()
                engine.refusal = None
                engine.last = 1
                self.assertEqual((await next_event).seq, 1)
                engine.refusal = HTTPStatus.UNAUTHORIZED
                engine.cut()
                with self.assertRaises(Refused):
                    await anext(events)

    def test_each_event_is_of_the_class_of_its_type(self) -> None:
        self.assertEqual(parse('{"seq": 7, "type": "close", "line": "1001"}'), CloseEvent("1001", 7, "close"))
        later = parse('{"seq": 8, "type": "later", "more": 1}')
        self.assertEqual(later, UnknownEvent(8, "later", {"seq": 8, "type": "later", "more": 1}))
        self.assertIs(CLASSES["call-state"], CallStateEvent)
        self.assertEqual(
            {each.__name__ for each in CLASSES.values()}, {name for name in models.__all__ if name.endswith("Event")}
        )


def text(seq: int) -> str:
    return json.dumps({"seq": seq, "type": "close", "line": "1001"})
