"""The way to a daemon: where it is, who asks, what becomes of refusals."""

import os
from dataclasses import dataclass
from typing import TypeVar

import httpx

from .generated.client import AuthenticatedClient
from .generated.models.problem import Problem
from .generated.models.submitted import Submitted
from .generated.types import Unset
from .repeating import Repeating

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Daemon:
    """A daemon, and the application that speaks to it."""

    url: str
    """`http://127.0.0.1:8080`"""
    token: str
    """The token of an `[[app]]`."""

    @classmethod
    def from_environment(cls) -> "Daemon":
        """The daemon that the environment names: TRUNKLINE_URL (on this machine by default) and TRUNKLINE_TOKEN."""
        token = os.environ.get("TRUNKLINE_TOKEN")
        if not token:
            raise RuntimeError("TRUNKLINE_TOKEN is not set: the token of an application, see [[app]] of trunkline.toml")
        return cls(os.environ.get("TRUNKLINE_URL", "http://127.0.0.1:8080"), token)


class Refused(Exception):
    """The daemon said no. The text is its sentence for a person."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.code}: {problem.detail}")
        self.problem = problem
        """Code, detail, and what is missing and would be allowed (`explain`)."""


def connect(daemon: Daemon) -> AuthenticatedClient:
    """The client that every operation takes: `async with connect(daemon) as client`."""
    client = AuthenticatedClient(base_url=daemon.url, token=daemon.token)
    # A call is answered when the far end rings, which may take half a minute.
    return client.set_async_httpx_client(
        httpx.AsyncClient(
            base_url=daemon.url,
            headers={"Authorization": f"Bearer {daemon.token}"},
            timeout=ANSWER_MAX_S,
            transport=Repeating(httpx.AsyncHTTPTransport()),
        )
    )


def done(answer: Answer | Problem | Submitted | None) -> Answer:
    """What was asked for. What was refused is raised as Refused."""
    if isinstance(answer, Problem):
        raise Refused(answer)
    if answer is None or isinstance(answer, Submitted):
        raise RuntimeError("the request was only submitted: its reply comes as an event")
    return answer


def given(value: Answer | Unset | None) -> Answer:
    """A field of an answer that may be absent and is there."""
    if value is None or isinstance(value, Unset):
        raise RuntimeError("the daemon's answer does not have what was asked for")
    return value


ANSWER_MAX_S = 60.0
