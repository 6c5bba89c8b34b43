from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.done import Done
from ...models.media_modes import MediaModes
from ...models.problem import Problem
from ...models.submitted import Submitted
from ...types import UNSET, Response, Unset


def _get_kwargs(
    call: str,
    *,
    body: MediaModes | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(prefer, Unset):
        headers["Prefer"] = prefer

    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/calls/{call}/monitor-media".format(
            call=quote(str(call), safe=""),
        ),
    }

    if not isinstance(body, Unset):
        _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Done | Problem | Submitted:
    if response.status_code == 200:
        response_200 = Done.from_dict(response.json())

        return response_200

    if response.status_code == 202:
        response_202 = Submitted.from_dict(response.json())

        return response_202

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Done | Problem | Submitted]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    call: str,
    *,
    client: AuthenticatedClient | Client,
    body: MediaModes | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[Done | Problem | Submitted]:
    """TAPI lineMonitorMedia.

    Args:
        call (str):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        body (MediaModes | Unset): The argument of `set-media-mode` and `monitor-media`.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Done | Problem | Submitted]
    """

    kwargs = _get_kwargs(
        call=call,
        body=body,
        prefer=prefer,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    call: str,
    *,
    client: AuthenticatedClient | Client,
    body: MediaModes | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Done | Problem | Submitted | None:
    """TAPI lineMonitorMedia.

    Args:
        call (str):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        body (MediaModes | Unset): The argument of `set-media-mode` and `monitor-media`.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Done | Problem | Submitted
    """

    return sync_detailed(
        call=call,
        client=client,
        body=body,
        prefer=prefer,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    call: str,
    *,
    client: AuthenticatedClient | Client,
    body: MediaModes | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[Done | Problem | Submitted]:
    """TAPI lineMonitorMedia.

    Args:
        call (str):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        body (MediaModes | Unset): The argument of `set-media-mode` and `monitor-media`.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Done | Problem | Submitted]
    """

    kwargs = _get_kwargs(
        call=call,
        body=body,
        prefer=prefer,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    call: str,
    *,
    client: AuthenticatedClient | Client,
    body: MediaModes | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Done | Problem | Submitted | None:
    """TAPI lineMonitorMedia.

    Args:
        call (str):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        body (MediaModes | Unset): The argument of `set-media-mode` and `monitor-media`.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Done | Problem | Submitted
    """

    return (
        await asyncio_detailed(
            call=call,
            client=client,
            body=body,
            prefer=prefer,
            idempotency_key=idempotency_key,
        )
    ).parsed
