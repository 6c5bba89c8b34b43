from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.check_sync import CheckSync
from ...models.done import Done
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    line: str,
    *,
    body: CheckSync | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/lines/{line}/check-sync".format(
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
    body: CheckSync | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[Done | Problem]:
    """Tells every phone of the line to fetch its configuration, by NOTIFY `check-sync`; no phone says what
    becomes of it. The application
    must have opened the line as owner.

    Args:
        line (str):
        idempotency_key (str | Unset):
        body (CheckSync | Unset): What the phones are to do.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Done | Problem]
    """

    kwargs = _get_kwargs(
        line=line,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    line: str,
    *,
    client: AuthenticatedClient | Client,
    body: CheckSync | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Done | Problem | None:
    """Tells every phone of the line to fetch its configuration, by NOTIFY `check-sync`; no phone says what
    becomes of it. The application
    must have opened the line as owner.

    Args:
        line (str):
        idempotency_key (str | Unset):
        body (CheckSync | Unset): What the phones are to do.

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
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    line: str,
    *,
    client: AuthenticatedClient | Client,
    body: CheckSync | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[Done | Problem]:
    """Tells every phone of the line to fetch its configuration, by NOTIFY `check-sync`; no phone says what
    becomes of it. The application
    must have opened the line as owner.

    Args:
        line (str):
        idempotency_key (str | Unset):
        body (CheckSync | Unset): What the phones are to do.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Done | Problem]
    """

    kwargs = _get_kwargs(
        line=line,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    line: str,
    *,
    client: AuthenticatedClient | Client,
    body: CheckSync | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Done | Problem | None:
    """Tells every phone of the line to fetch its configuration, by NOTIFY `check-sync`; no phone says what
    becomes of it. The application
    must have opened the line as owner.

    Args:
        line (str):
        idempotency_key (str | Unset):
        body (CheckSync | Unset): What the phones are to do.

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
            idempotency_key=idempotency_key,
        )
    ).parsed
