from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.trace_entry_type_0 import TraceEntryType0
from ...models.trace_entry_type_1 import TraceEntryType1
from ...models.trace_entry_type_2 import TraceEntryType2
from ...models.trace_entry_type_3 import TraceEntryType3
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    line: str | Unset = UNSET,
    call: str | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["line"] = line

    params["call"] = call

    params["access_token"] = access_token

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/trace",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Problem | TraceEntryType0 | TraceEntryType1 | TraceEntryType2 | TraceEntryType3:
    if response.status_code == 101:

        def _parse_response_101(data: object) -> TraceEntryType0 | TraceEntryType1 | TraceEntryType2 | TraceEntryType3:
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_trace_entry_type_0 = TraceEntryType0.from_dict(data)

                return componentsschemas_trace_entry_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_trace_entry_type_1 = TraceEntryType1.from_dict(data)

                return componentsschemas_trace_entry_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_trace_entry_type_2 = TraceEntryType2.from_dict(data)

                return componentsschemas_trace_entry_type_2
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            componentsschemas_trace_entry_type_3 = TraceEntryType3.from_dict(data)

            return componentsschemas_trace_entry_type_3

        response_101 = _parse_response_101(response.json())

        return response_101

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Problem | TraceEntryType0 | TraceEntryType1 | TraceEntryType2 | TraceEntryType3]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    line: str | Unset = UNSET,
    call: str | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> Response[Problem | TraceEntryType0 | TraceEntryType1 | TraceEntryType2 | TraceEntryType3]:
    """What goes over the wire and what calls do, as it happens: a WebSocket, each text frame an entry. Of
    a line; of a call, with what is
    kept of it first; or, for an application that opens every line as owner, of everything.

    Args:
        line (str | Unset):
        call (str | Unset):
        access_token (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | TraceEntryType0 | TraceEntryType1 | TraceEntryType2 | TraceEntryType3]
    """

    kwargs = _get_kwargs(
        line=line,
        call=call,
        access_token=access_token,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    line: str | Unset = UNSET,
    call: str | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> Problem | TraceEntryType0 | TraceEntryType1 | TraceEntryType2 | TraceEntryType3 | None:
    """What goes over the wire and what calls do, as it happens: a WebSocket, each text frame an entry. Of
    a line; of a call, with what is
    kept of it first; or, for an application that opens every line as owner, of everything.

    Args:
        line (str | Unset):
        call (str | Unset):
        access_token (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | TraceEntryType0 | TraceEntryType1 | TraceEntryType2 | TraceEntryType3
    """

    return sync_detailed(
        client=client,
        line=line,
        call=call,
        access_token=access_token,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    line: str | Unset = UNSET,
    call: str | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> Response[Problem | TraceEntryType0 | TraceEntryType1 | TraceEntryType2 | TraceEntryType3]:
    """What goes over the wire and what calls do, as it happens: a WebSocket, each text frame an entry. Of
    a line; of a call, with what is
    kept of it first; or, for an application that opens every line as owner, of everything.

    Args:
        line (str | Unset):
        call (str | Unset):
        access_token (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | TraceEntryType0 | TraceEntryType1 | TraceEntryType2 | TraceEntryType3]
    """

    kwargs = _get_kwargs(
        line=line,
        call=call,
        access_token=access_token,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    line: str | Unset = UNSET,
    call: str | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> Problem | TraceEntryType0 | TraceEntryType1 | TraceEntryType2 | TraceEntryType3 | None:
    """What goes over the wire and what calls do, as it happens: a WebSocket, each text frame an entry. Of
    a line; of a call, with what is
    kept of it first; or, for an application that opens every line as owner, of everything.

    Args:
        line (str | Unset):
        call (str | Unset):
        access_token (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | TraceEntryType0 | TraceEntryType1 | TraceEntryType2 | TraceEntryType3
    """

    return (
        await asyncio_detailed(
            client=client,
            line=line,
            call=call,
            access_token=access_token,
        )
    ).parsed
