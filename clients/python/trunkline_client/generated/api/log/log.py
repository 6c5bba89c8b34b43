from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.log_level import LogLevel
from ...models.logged_line import LoggedLine
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    level: LogLevel | Unset = UNSET,
    contains: str | Unset = UNSET,
    after: int | Unset = UNSET,
    follow: bool | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_level: str | Unset = UNSET
    if not isinstance(level, Unset):
        json_level = level

    params["level"] = json_level

    params["contains"] = contains

    params["after"] = after

    params["follow"] = follow

    params["access_token"] = access_token

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/log",
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> LoggedLine | Problem:
    if response.status_code == 101:
        response_101 = LoggedLine.from_dict(response.json())

        return response_101

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[LoggedLine | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    level: LogLevel | Unset = UNSET,
    contains: str | Unset = UNSET,
    after: int | Unset = UNSET,
    follow: bool | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> Response[LoggedLine | Problem]:
    """The last lines of the daemon's log, then those to come: a WebSocket, each text frame a line. Only
    for an application that opens every
    line as owner. What is below `[log] level` is nowhere.

    Args:
        level (LogLevel | Unset): The least that matters.
        contains (str | Unset):
        after (int | Unset):
        follow (bool | Unset):
        access_token (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[LoggedLine | Problem]
    """

    kwargs = _get_kwargs(
        level=level,
        contains=contains,
        after=after,
        follow=follow,
        access_token=access_token,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    level: LogLevel | Unset = UNSET,
    contains: str | Unset = UNSET,
    after: int | Unset = UNSET,
    follow: bool | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> LoggedLine | Problem | None:
    """The last lines of the daemon's log, then those to come: a WebSocket, each text frame a line. Only
    for an application that opens every
    line as owner. What is below `[log] level` is nowhere.

    Args:
        level (LogLevel | Unset): The least that matters.
        contains (str | Unset):
        after (int | Unset):
        follow (bool | Unset):
        access_token (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        LoggedLine | Problem
    """

    return sync_detailed(
        client=client,
        level=level,
        contains=contains,
        after=after,
        follow=follow,
        access_token=access_token,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    level: LogLevel | Unset = UNSET,
    contains: str | Unset = UNSET,
    after: int | Unset = UNSET,
    follow: bool | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> Response[LoggedLine | Problem]:
    """The last lines of the daemon's log, then those to come: a WebSocket, each text frame a line. Only
    for an application that opens every
    line as owner. What is below `[log] level` is nowhere.

    Args:
        level (LogLevel | Unset): The least that matters.
        contains (str | Unset):
        after (int | Unset):
        follow (bool | Unset):
        access_token (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[LoggedLine | Problem]
    """

    kwargs = _get_kwargs(
        level=level,
        contains=contains,
        after=after,
        follow=follow,
        access_token=access_token,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    level: LogLevel | Unset = UNSET,
    contains: str | Unset = UNSET,
    after: int | Unset = UNSET,
    follow: bool | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> LoggedLine | Problem | None:
    """The last lines of the daemon's log, then those to come: a WebSocket, each text frame a line. Only
    for an application that opens every
    line as owner. What is below `[log] level` is nowhere.

    Args:
        level (LogLevel | Unset): The least that matters.
        contains (str | Unset):
        after (int | Unset):
        follow (bool | Unset):
        access_token (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        LoggedLine | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
            level=level,
            contains=contains,
            after=after,
            follow=follow,
            access_token=access_token,
        )
    ).parsed
