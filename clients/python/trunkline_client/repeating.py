"""Requests that are repeated where their connection breaks, and done once all the same (Idempotency-Key)."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import httpx


def new_key() -> str:
    """A key for a request: new for each, the same when it is repeated. For requests that outlive a restart of yours."""
    return str(uuid.uuid4())


class Repeating(httpx.AsyncBaseTransport):
    """Asks again when the connection broke or the first request is still under way.

    Each POST has an Idempotency-Key, so that the daemon does it once and answers the same; the other methods may be repeated as they
    are.
    """

    def __init__(
        self, transport: httpx.AsyncBaseTransport, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._transport = transport
        self._pause = pause

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            request.headers.setdefault(KEY, new_key())
        await request.aread()
        for attempt in range(1, ATTEMPTS):
            try:
                response = await self._transport.handle_async_request(request)
            except httpx.TransportError:
                pass
            else:
                if response.status_code != httpx.codes.CONFLICT:
                    return response
                await response.aread()
                if not _is_under_way(response):
                    return response
            await self._pause(attempt * REST_S)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


def _is_under_way(response: httpx.Response) -> bool:
    try:
        problem = response.json()
    except ValueError:
        # Of a proxy, say, which is no daemon and sends no problem.
        return False
    return isinstance(problem, dict) and problem.get("code") == "conflict"


KEY = "Idempotency-Key"
ATTEMPTS = 5
"""The last of them comes four seconds after the first: a daemon that was started again is back by then."""
REST_S = 0.4
