from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.record import Record
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    from_: str | Unset = UNSET,
    to: str | Unset = UNSET,
    line: str | Unset = UNSET,
    disposition: str | Unset = UNSET,
    limit: int | Unset = UNSET,
    after: int | Unset = UNSET,
    format_: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["from"] = from_

    params["to"] = to

    params["line"] = line

    params["disposition"] = disposition

    params["limit"] = limit

    params["after"] = after

    params["format"] = format_

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/records",
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Problem | list[Record]:
    if response.status_code == 200:
        response_200 = []
        _response_200 = response.json()
        for response_200_item_data in _response_200:
            response_200_item = Record.from_dict(response_200_item_data)

            response_200.append(response_200_item)

        return response_200

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Problem | list[Record]]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    from_: str | Unset = UNSET,
    to: str | Unset = UNSET,
    line: str | Unset = UNSET,
    disposition: str | Unset = UNSET,
    limit: int | Unset = UNSET,
    after: int | Unset = UNSET,
    format_: str | Unset = UNSET,
) -> Response[Problem | list[Record]]:
    """Records of calls, the newest first: those on whose side, either one, is a line or trunk that the
    application opens. `userfield` is empty
    where that is not the line of `channel`. `format=csv`, or `Accept: text/csv`, gives CSV with a head
    line. A page that is not the last has
    `Link: <...>; rel="next"` (RFC 8288).

    Args:
        from_ (str | Unset):
        to (str | Unset):
        line (str | Unset):
        disposition (str | Unset):
        limit (int | Unset):
        after (int | Unset):
        format_ (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | list[Record]]
    """

    kwargs = _get_kwargs(
        from_=from_,
        to=to,
        line=line,
        disposition=disposition,
        limit=limit,
        after=after,
        format_=format_,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    from_: str | Unset = UNSET,
    to: str | Unset = UNSET,
    line: str | Unset = UNSET,
    disposition: str | Unset = UNSET,
    limit: int | Unset = UNSET,
    after: int | Unset = UNSET,
    format_: str | Unset = UNSET,
) -> Problem | list[Record] | None:
    """Records of calls, the newest first: those on whose side, either one, is a line or trunk that the
    application opens. `userfield` is empty
    where that is not the line of `channel`. `format=csv`, or `Accept: text/csv`, gives CSV with a head
    line. A page that is not the last has
    `Link: <...>; rel="next"` (RFC 8288).

    Args:
        from_ (str | Unset):
        to (str | Unset):
        line (str | Unset):
        disposition (str | Unset):
        limit (int | Unset):
        after (int | Unset):
        format_ (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | list[Record]
    """

    return sync_detailed(
        client=client,
        from_=from_,
        to=to,
        line=line,
        disposition=disposition,
        limit=limit,
        after=after,
        format_=format_,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    from_: str | Unset = UNSET,
    to: str | Unset = UNSET,
    line: str | Unset = UNSET,
    disposition: str | Unset = UNSET,
    limit: int | Unset = UNSET,
    after: int | Unset = UNSET,
    format_: str | Unset = UNSET,
) -> Response[Problem | list[Record]]:
    """Records of calls, the newest first: those on whose side, either one, is a line or trunk that the
    application opens. `userfield` is empty
    where that is not the line of `channel`. `format=csv`, or `Accept: text/csv`, gives CSV with a head
    line. A page that is not the last has
    `Link: <...>; rel="next"` (RFC 8288).

    Args:
        from_ (str | Unset):
        to (str | Unset):
        line (str | Unset):
        disposition (str | Unset):
        limit (int | Unset):
        after (int | Unset):
        format_ (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | list[Record]]
    """

    kwargs = _get_kwargs(
        from_=from_,
        to=to,
        line=line,
        disposition=disposition,
        limit=limit,
        after=after,
        format_=format_,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    from_: str | Unset = UNSET,
    to: str | Unset = UNSET,
    line: str | Unset = UNSET,
    disposition: str | Unset = UNSET,
    limit: int | Unset = UNSET,
    after: int | Unset = UNSET,
    format_: str | Unset = UNSET,
) -> Problem | list[Record] | None:
    """Records of calls, the newest first: those on whose side, either one, is a line or trunk that the
    application opens. `userfield` is empty
    where that is not the line of `channel`. `format=csv`, or `Accept: text/csv`, gives CSV with a head
    line. A page that is not the last has
    `Link: <...>; rel="next"` (RFC 8288).

    Args:
        from_ (str | Unset):
        to (str | Unset):
        line (str | Unset):
        disposition (str | Unset):
        limit (int | Unset):
        after (int | Unset):
        format_ (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | list[Record]
    """

    return (
        await asyncio_detailed(
            client=client,
            from_=from_,
            to=to,
            line=line,
            disposition=disposition,
            limit=limit,
            after=after,
            format_=format_,
        )
    ).parsed
