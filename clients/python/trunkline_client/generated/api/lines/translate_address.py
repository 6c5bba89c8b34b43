from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.submitted import Submitted
from ...models.translate_address import TranslateAddress
from ...models.translated import Translated
from ...types import UNSET, Response, Unset


def _get_kwargs(
    line: str,
    *,
    body: TranslateAddress,
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
        "url": "/v1/lines/{line}/translate-address".format(
            line=quote(str(line), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Problem | Submitted | Translated:
    if response.status_code == 200:
        response_200 = Translated.from_dict(response.json())

        return response_200

    if response.status_code == 202:
        response_202 = Submitted.from_dict(response.json())

        return response_202

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Problem | Submitted | Translated]:
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
    body: TranslateAddress,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[Problem | Submitted | Translated]:
    """lineTranslateAddress: what to dial on this line for an address, and what to show.

    Args:
        line (str):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        body (TranslateAddress): The argument of `translate-address`.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Submitted | Translated]
    """

    kwargs = _get_kwargs(
        line=line,
        body=body,
        prefer=prefer,
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
    body: TranslateAddress,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Problem | Submitted | Translated | None:
    """lineTranslateAddress: what to dial on this line for an address, and what to show.

    Args:
        line (str):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        body (TranslateAddress): The argument of `translate-address`.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Submitted | Translated
    """

    return sync_detailed(
        line=line,
        client=client,
        body=body,
        prefer=prefer,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    line: str,
    *,
    client: AuthenticatedClient | Client,
    body: TranslateAddress,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[Problem | Submitted | Translated]:
    """lineTranslateAddress: what to dial on this line for an address, and what to show.

    Args:
        line (str):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        body (TranslateAddress): The argument of `translate-address`.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Submitted | Translated]
    """

    kwargs = _get_kwargs(
        line=line,
        body=body,
        prefer=prefer,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    line: str,
    *,
    client: AuthenticatedClient | Client,
    body: TranslateAddress,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Problem | Submitted | Translated | None:
    """lineTranslateAddress: what to dial on this line for an address, and what to show.

    Args:
        line (str):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        body (TranslateAddress): The argument of `translate-address`.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Submitted | Translated
    """

    return (
        await asyncio_detailed(
            line=line,
            client=client,
            body=body,
            prefer=prefer,
            idempotency_key=idempotency_key,
        )
    ).parsed
