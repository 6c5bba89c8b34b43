from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.line import Line
from ...models.problem import Problem
from ...types import Response


def _get_kwargs(
    line: str,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/lines/{line}".format(
            line=quote(str(line), safe=""),
        ),
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Line | Problem:
    if response.status_code == 200:
        response_200 = Line.from_dict(response.json())

        return response_200

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Line | Problem]:
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
) -> Response[Line | Problem]:
    """One line.

    Args:
        line (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Line | Problem]
    """

    kwargs = _get_kwargs(
        line=line,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    line: str,
    *,
    client: AuthenticatedClient | Client,
) -> Line | Problem | None:
    """One line.

    Args:
        line (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Line | Problem
    """

    return sync_detailed(
        line=line,
        client=client,
    ).parsed


async def asyncio_detailed(
    line: str,
    *,
    client: AuthenticatedClient | Client,
) -> Response[Line | Problem]:
    """One line.

    Args:
        line (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Line | Problem]
    """

    kwargs = _get_kwargs(
        line=line,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    line: str,
    *,
    client: AuthenticatedClient | Client,
) -> Line | Problem | None:
    """One line.

    Args:
        line (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Line | Problem
    """

    return (
        await asyncio_detailed(
            line=line,
            client=client,
        )
    ).parsed
