"""What is asked again, and with which key."""

import json
import unittest

import httpx

from trunkline_client import Daemon, Refused, Repeating, connect, done, given
from trunkline_client.generated.api.lines import make_call
from trunkline_client.generated.models import MakeCall

DAEMON = Daemon("http://127.0.0.1:8080", "a-token")


class Answers(httpx.AsyncBaseTransport):
    """Answers so, one after the other: None breaks the connection."""

    def __init__(self, *answers: httpx.Response | None) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(
            httpx.Request(request.method, request.url, headers=request.headers, content=await request.aread())
        )
        answer = self.answers.pop(0) if self.answers else None
        if answer is None:
            raise httpx.ReadError("the connection broke")
        return answer

    def keys(self) -> list[str | None]:
        return [request.headers.get("Idempotency-Key") for request in self.asked]


async def at_once(_: float) -> None:
    """Time is not what is tested."""


class Requests(unittest.IsolatedAsyncioTestCase):
    async def test_a_post_whose_connection_broke_is_asked_again_with_its_key_and_body(self) -> None:
        answers = Answers(
            None, httpx.Response(409, json={"code": "conflict"}), httpx.Response(200, json={"call": "c1"})
        )
        client = connect(DAEMON)
        client.set_async_httpx_client(httpx.AsyncClient(base_url=DAEMON.url, transport=Repeating(answers, at_once)))
        made = await make_call.asyncio("1001", client=client, body=MakeCall(to="1002"))
        self.assertEqual(given(done(made).call), "c1")
        self.assertEqual(len(set(answers.keys())), 1)
        self.assertRegex(answers.keys()[0] or "", "^[0-9a-f-]{36}$")
        for request in answers.asked:
            self.assertEqual(json.loads(request.content), {"to": "1002"})
            self.assertEqual(request.url.path, "/v1/lines/1001/make-call")

    async def test_a_key_of_the_callers_is_kept_and_reading_has_none(self) -> None:
        answers = Answers(*(httpx.Response(200, json={}) for _ in range(4)))
        async with httpx.AsyncClient(base_url=DAEMON.url, transport=Repeating(answers, at_once)) as client:
            await client.post("/v1/reload", headers={"Idempotency-Key": "mine"})
            await client.post("/v1/reload")
            await client.post("/v1/reload")
            await client.get("/v1/calls")
        mine, one, other, none = answers.keys()
        self.assertEqual(mine, "mine")
        self.assertNotEqual(one, other)
        self.assertIsNone(none)

    async def test_a_refusal_is_an_answer_and_a_daemon_that_stays_away_is_an_error(self) -> None:
        explain = {"missing": "state", "sentence": "It is over."}
        problem = {"code": "invalcallstate", "detail": "It is idle.", "status": 409, "title": "Conflict", "explain": explain}
        answers = Answers(httpx.Response(409, json=problem))
        async with httpx.AsyncClient(base_url=DAEMON.url, transport=Repeating(answers, at_once)) as http:
            client = connect(DAEMON).set_async_httpx_client(http)
            with self.assertRaisesRegex(Refused, "invalcallstate: It is idle."):
                done(await make_call.asyncio("1001", client=client, body=MakeCall(to="1002")))
            with self.assertRaises(httpx.ReadError):
                await http.get("/v1/calls")
        self.assertEqual(len(answers.asked), 1 + 5)

    async def test_a_conflict_of_no_daemon_is_an_answer(self) -> None:
        answers = Answers(httpx.Response(409, text="<h1>Conflict</h1>"), httpx.Response(409, json=["conflict"]))
        async with httpx.AsyncClient(base_url=DAEMON.url, transport=Repeating(answers, at_once)) as http:
            for text in ("<h1>Conflict</h1>", '["conflict"]'):
                self.assertEqual((await http.get("/v1/calls")).text, text)
        self.assertEqual(len(answers.asked), 2)
