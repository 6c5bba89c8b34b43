from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.make_token import MakeToken
from ...models.problem import Problem
from ...models.token import Token
from ...types import UNSET, Response, Unset


def _get_kwargs(
    mac: str,
    *,
    body: MakeToken | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/phones/{mac}/token".format(
            mac=quote(str(mac), safe=""),
        ),
    }

    if not isinstance(body, Unset):
        _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Problem | Token:
    if response.status_code == 200:
        response_200 = Token.from_dict(response.json())

        return response_200

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Problem | Token]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    mac: str,
    *,
    client: AuthenticatedClient | Client,
    body: MakeToken | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[Problem | Token]:
    """Makes a token by which a phone fetches its configuration; the one that it had holds no longer. It
    holds for some hours, and from
    the first fetch on for that host alone. The application must open every line as owner.

    Args:
        mac (str):
        idempotency_key (str | Unset):
        body (MakeToken | Unset): How long the token is to hold.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Token]
    """

    kwargs = _get_kwargs(
        mac=mac,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    mac: str,
    *,
    client: AuthenticatedClient | Client,
    body: MakeToken | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Problem | Token | None:
    """Makes a token by which a phone fetches its configuration; the one that it had holds no longer. It
    holds for some hours, and from
    the first fetch on for that host alone. The application must open every line as owner.

    Args:
        mac (str):
        idempotency_key (str | Unset):
        body (MakeToken | Unset): How long the token is to hold.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Token
    """

    return sync_detailed(
        mac=mac,
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    mac: str,
    *,
    client: AuthenticatedClient | Client,
    body: MakeToken | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[Problem | Token]:
    """Makes a token by which a phone fetches its configuration; the one that it had holds no longer. It
    holds for some hours, and from
    the first fetch on for that host alone. The application must open every line as owner.

    Args:
        mac (str):
        idempotency_key (str | Unset):
        body (MakeToken | Unset): How long the token is to hold.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Token]
    """

    kwargs = _get_kwargs(
        mac=mac,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    mac: str,
    *,
    client: AuthenticatedClient | Client,
    body: MakeToken | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Problem | Token | None:
    """Makes a token by which a phone fetches its configuration; the one that it had holds no longer. It
    holds for some hours, and from
    the first fetch on for that host alone. The application must open every line as owner.

    Args:
        mac (str):
        idempotency_key (str | Unset):
        body (MakeToken | Unset): How long the token is to hold.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Token
    """

    return (
        await asyncio_detailed(
            mac=mac,
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
