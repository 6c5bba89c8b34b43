from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.done import Done
from ...models.problem import Problem
from ...models.set_messages import SetMessages
from ...types import UNSET, Response, Unset


def _get_kwargs(
    line: str,
    *,
    body: SetMessages | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "put",
        "url": "/v1/lines/{line}/messages".format(
            line=quote(str(line), safe=""),
        ),
    }

    if not isinstance(body, Unset):
        _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Done | Problem:
    if response.status_code == 200:
        response_200 = Done.from_dict(response.json())

        return response_200

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Done | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    line: str,
    *,
    client: AuthenticatedClient | Client,
    body: SetMessages | Unset = UNSET,
) -> Response[Done | Problem]:
    """lineSetLineDevStatus with LINEDEVSTATUSFLAGS_MSGWAIT: its phones and applications are told how many
    messages the line has.
    Kept over a restart. The application must have opened the line as owner.

    Args:
        line (str):
        body (SetMessages | Unset): How many messages a line has: all of it, what is left out is
            none.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Done | Problem]
    """

    kwargs = _get_kwargs(
        line=line,
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    line: str,
    *,
    client: AuthenticatedClient | Client,
    body: SetMessages | Unset = UNSET,
) -> Done | Problem | None:
    """lineSetLineDevStatus with LINEDEVSTATUSFLAGS_MSGWAIT: its phones and applications are told how many
    messages the line has.
    Kept over a restart. The application must have opened the line as owner.

    Args:
        line (str):
        body (SetMessages | Unset): How many messages a line has: all of it, what is left out is
            none.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Done | Problem
    """

    return sync_detailed(
        line=line,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    line: str,
    *,
    client: AuthenticatedClient | Client,
    body: SetMessages | Unset = UNSET,
) -> Response[Done | Problem]:
    """lineSetLineDevStatus with LINEDEVSTATUSFLAGS_MSGWAIT: its phones and applications are told how many
    messages the line has.
    Kept over a restart. The application must have opened the line as owner.

    Args:
        line (str):
        body (SetMessages | Unset): How many messages a line has: all of it, what is left out is
            none.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Done | Problem]
    """

    kwargs = _get_kwargs(
        line=line,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    line: str,
    *,
    client: AuthenticatedClient | Client,
    body: SetMessages | Unset = UNSET,
) -> Done | Problem | None:
    """lineSetLineDevStatus with LINEDEVSTATUSFLAGS_MSGWAIT: its phones and applications are told how many
    messages the line has.
    Kept over a restart. The application must have opened the line as owner.

    Args:
        line (str):
        body (SetMessages | Unset): How many messages a line has: all of it, what is left out is
            none.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Done | Problem
    """

    return (
        await asyncio_detailed(
            line=line,
            client=client,
            body=body,
        )
    ).parsed
