from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.trace import Trace
from ...models.trace_format import TraceFormat
from ...types import UNSET, Response, Unset


def _get_kwargs(
    call: str,
    *,
    format_: TraceFormat | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_format_: str | Unset = UNSET
    if not isinstance(format_, Unset):
        json_format_ = format_

    params["format"] = json_format_

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/calls/{call}/trace".format(
            call=quote(str(call), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Problem | Trace:
    if response.status_code == 200:
        response_200 = Trace.from_dict(response.json())

        return response_200

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Problem | Trace]:
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
    format_: TraceFormat | Unset = UNSET,
) -> Response[Problem | Trace]:
    """What happened around a call, as far back as it is kept: the SIP messages of its station and of the
    party at its other end, the states of
    both calls and what became of their media, and what applications asked for; of the other end where
    the application opens that line, too. The call may be over. `format` is `json`, `text` or
    `mermaid` for a ladder, or `pcapng`: the messages as a capture that Wireshark reads, each a UDP
    datagram in clear, whatever brought it, with what its
    stations said (RTP, RTCP) where their line is captured.

    Args:
        call (str):
        format_ (TraceFormat | Unset): How a trace is written.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Trace]
    """

    kwargs = _get_kwargs(
        call=call,
        format_=format_,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    call: str,
    *,
    client: AuthenticatedClient | Client,
    format_: TraceFormat | Unset = UNSET,
) -> Problem | Trace | None:
    """What happened around a call, as far back as it is kept: the SIP messages of its station and of the
    party at its other end, the states of
    both calls and what became of their media, and what applications asked for; of the other end where
    the application opens that line, too. The call may be over. `format` is `json`, `text` or
    `mermaid` for a ladder, or `pcapng`: the messages as a capture that Wireshark reads, each a UDP
    datagram in clear, whatever brought it, with what its
    stations said (RTP, RTCP) where their line is captured.

    Args:
        call (str):
        format_ (TraceFormat | Unset): How a trace is written.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Trace
    """

    return sync_detailed(
        call=call,
        client=client,
        format_=format_,
    ).parsed


async def asyncio_detailed(
    call: str,
    *,
    client: AuthenticatedClient | Client,
    format_: TraceFormat | Unset = UNSET,
) -> Response[Problem | Trace]:
    """What happened around a call, as far back as it is kept: the SIP messages of its station and of the
    party at its other end, the states of
    both calls and what became of their media, and what applications asked for; of the other end where
    the application opens that line, too. The call may be over. `format` is `json`, `text` or
    `mermaid` for a ladder, or `pcapng`: the messages as a capture that Wireshark reads, each a UDP
    datagram in clear, whatever brought it, with what its
    stations said (RTP, RTCP) where their line is captured.

    Args:
        call (str):
        format_ (TraceFormat | Unset): How a trace is written.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Trace]
    """

    kwargs = _get_kwargs(
        call=call,
        format_=format_,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    call: str,
    *,
    client: AuthenticatedClient | Client,
    format_: TraceFormat | Unset = UNSET,
) -> Problem | Trace | None:
    """What happened around a call, as far back as it is kept: the SIP messages of its station and of the
    party at its other end, the states of
    both calls and what became of their media, and what applications asked for; of the other end where
    the application opens that line, too. The call may be over. `format` is `json`, `text` or
    `mermaid` for a ladder, or `pcapng`: the messages as a capture that Wireshark reads, each a UDP
    datagram in clear, whatever brought it, with what its
    stations said (RTP, RTCP) where their line is captured.

    Args:
        call (str):
        format_ (TraceFormat | Unset): How a trace is written.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Trace
    """

    return (
        await asyncio_detailed(
            call=call,
            client=client,
            format_=format_,
        )
    ).parsed
