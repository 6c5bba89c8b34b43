from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.nothing import Nothing
from ...models.problem import Problem
from ...models.reloaded import Reloaded
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: Nothing | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/reload",
    }

    if not isinstance(body, Unset):
        _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Problem | Reloaded:
    if response.status_code == 200:
        response_200 = Reloaded.from_dict(response.json())

        return response_200

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Problem | Reloaded]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: Nothing | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[Problem | Reloaded]:
    """Reads the configuration again. Calls, registrations and subscriptions stay; where anything in it is
    wrong, or only a
    restart could change it, nothing is changed, and `errors` says what and where.

    Args:
        idempotency_key (str | Unset):
        body (Nothing | Unset): The argument of operations that have none.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Reloaded]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: Nothing | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Problem | Reloaded | None:
    """Reads the configuration again. Calls, registrations and subscriptions stay; where anything in it is
    wrong, or only a
    restart could change it, nothing is changed, and `errors` says what and where.

    Args:
        idempotency_key (str | Unset):
        body (Nothing | Unset): The argument of operations that have none.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Reloaded
    """

    return sync_detailed(
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: Nothing | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[Problem | Reloaded]:
    """Reads the configuration again. Calls, registrations and subscriptions stay; where anything in it is
    wrong, or only a
    restart could change it, nothing is changed, and `errors` says what and where.

    Args:
        idempotency_key (str | Unset):
        body (Nothing | Unset): The argument of operations that have none.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Reloaded]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: Nothing | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Problem | Reloaded | None:
    """Reads the configuration again. Calls, registrations and subscriptions stay; where anything in it is
    wrong, or only a
    restart could change it, nothing is changed, and `errors` says what and where.

    Args:
        idempotency_key (str | Unset):
        body (Nothing | Unset): The argument of operations that have none.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Reloaded
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
