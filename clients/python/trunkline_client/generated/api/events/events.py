from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.address_state_event import AddressStateEvent
from ...models.call_info_event import CallInfoEvent
from ...models.call_quality_event import CallQualityEvent
from ...models.call_state_event import CallStateEvent
from ...models.close_event import CloseEvent
from ...models.digits_event import DigitsEvent
from ...models.fork_event import ForkEvent
from ...models.gather_digits_event import GatherDigitsEvent
from ...models.generate_event import GenerateEvent
from ...models.line_state_event import LineStateEvent
from ...models.lost_event import LostEvent
from ...models.monitor_media_event import MonitorMediaEvent
from ...models.new_call_event import NewCallEvent
from ...models.parked_event import ParkedEvent
from ...models.problem import Problem
from ...models.recording_event import RecordingEvent
from ...models.registration_event import RegistrationEvent
from ...models.reply_event import ReplyEvent
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    after: int | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["after"] = after

    params["access_token"] = access_token

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/events",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> (
    AddressStateEvent
    | CallInfoEvent
    | CallQualityEvent
    | CallStateEvent
    | CloseEvent
    | DigitsEvent
    | ForkEvent
    | GatherDigitsEvent
    | GenerateEvent
    | LineStateEvent
    | LostEvent
    | MonitorMediaEvent
    | NewCallEvent
    | ParkedEvent
    | RecordingEvent
    | RegistrationEvent
    | ReplyEvent
    | Problem
):
    if response.status_code == 101:

        def _parse_response_101(
            data: object,
        ) -> (
            AddressStateEvent
            | CallInfoEvent
            | CallQualityEvent
            | CallStateEvent
            | CloseEvent
            | DigitsEvent
            | ForkEvent
            | GatherDigitsEvent
            | GenerateEvent
            | LineStateEvent
            | LostEvent
            | MonitorMediaEvent
            | NewCallEvent
            | ParkedEvent
            | RecordingEvent
            | RegistrationEvent
            | ReplyEvent
        ):
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_0 = ReplyEvent.from_dict(data)

                return componentsschemas_event_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_1 = NewCallEvent.from_dict(data)

                return componentsschemas_event_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_2 = CallStateEvent.from_dict(data)

                return componentsschemas_event_type_2
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_3 = CallInfoEvent.from_dict(data)

                return componentsschemas_event_type_3
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_4 = CallQualityEvent.from_dict(data)

                return componentsschemas_event_type_4
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_5 = RecordingEvent.from_dict(data)

                return componentsschemas_event_type_5
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_6 = ForkEvent.from_dict(data)

                return componentsschemas_event_type_6
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_7 = AddressStateEvent.from_dict(data)

                return componentsschemas_event_type_7
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_8 = LineStateEvent.from_dict(data)

                return componentsschemas_event_type_8
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_9 = CloseEvent.from_dict(data)

                return componentsschemas_event_type_9
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_10 = DigitsEvent.from_dict(data)

                return componentsschemas_event_type_10
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_11 = GatherDigitsEvent.from_dict(data)

                return componentsschemas_event_type_11
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_12 = GenerateEvent.from_dict(data)

                return componentsschemas_event_type_12
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_13 = MonitorMediaEvent.from_dict(data)

                return componentsschemas_event_type_13
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_14 = ParkedEvent.from_dict(data)

                return componentsschemas_event_type_14
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_event_type_15 = RegistrationEvent.from_dict(data)

                return componentsschemas_event_type_15
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            componentsschemas_event_type_16 = LostEvent.from_dict(data)

            return componentsschemas_event_type_16

        response_101 = _parse_response_101(response.json())

        return response_101

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[
    AddressStateEvent
    | CallInfoEvent
    | CallQualityEvent
    | CallStateEvent
    | CloseEvent
    | DigitsEvent
    | ForkEvent
    | GatherDigitsEvent
    | GenerateEvent
    | LineStateEvent
    | LostEvent
    | MonitorMediaEvent
    | NewCallEvent
    | ParkedEvent
    | RecordingEvent
    | RegistrationEvent
    | ReplyEvent
    | Problem
]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    after: int | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> Response[
    AddressStateEvent
    | CallInfoEvent
    | CallQualityEvent
    | CallStateEvent
    | CloseEvent
    | DigitsEvent
    | ForkEvent
    | GatherDigitsEvent
    | GenerateEvent
    | LineStateEvent
    | LostEvent
    | MonitorMediaEvent
    | NewCallEvent
    | ParkedEvent
    | RecordingEvent
    | RegistrationEvent
    | ReplyEvent
    | Problem
]:
    """The messages of the application, each a text frame with one `Event`.

    Args:
        after (int | Unset):
        access_token (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AddressStateEvent | CallInfoEvent | CallQualityEvent | CallStateEvent | CloseEvent | DigitsEvent | ForkEvent | GatherDigitsEvent | GenerateEvent | LineStateEvent | LostEvent | MonitorMediaEvent | NewCallEvent | ParkedEvent | RecordingEvent | RegistrationEvent | ReplyEvent | Problem]
    """

    kwargs = _get_kwargs(
        after=after,
        access_token=access_token,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    after: int | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> (
    AddressStateEvent
    | CallInfoEvent
    | CallQualityEvent
    | CallStateEvent
    | CloseEvent
    | DigitsEvent
    | ForkEvent
    | GatherDigitsEvent
    | GenerateEvent
    | LineStateEvent
    | LostEvent
    | MonitorMediaEvent
    | NewCallEvent
    | ParkedEvent
    | RecordingEvent
    | RegistrationEvent
    | ReplyEvent
    | Problem
    | None
):
    """The messages of the application, each a text frame with one `Event`.

    Args:
        after (int | Unset):
        access_token (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AddressStateEvent | CallInfoEvent | CallQualityEvent | CallStateEvent | CloseEvent | DigitsEvent | ForkEvent | GatherDigitsEvent | GenerateEvent | LineStateEvent | LostEvent | MonitorMediaEvent | NewCallEvent | ParkedEvent | RecordingEvent | RegistrationEvent | ReplyEvent | Problem
    """

    return sync_detailed(
        client=client,
        after=after,
        access_token=access_token,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    after: int | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> Response[
    AddressStateEvent
    | CallInfoEvent
    | CallQualityEvent
    | CallStateEvent
    | CloseEvent
    | DigitsEvent
    | ForkEvent
    | GatherDigitsEvent
    | GenerateEvent
    | LineStateEvent
    | LostEvent
    | MonitorMediaEvent
    | NewCallEvent
    | ParkedEvent
    | RecordingEvent
    | RegistrationEvent
    | ReplyEvent
    | Problem
]:
    """The messages of the application, each a text frame with one `Event`.

    Args:
        after (int | Unset):
        access_token (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AddressStateEvent | CallInfoEvent | CallQualityEvent | CallStateEvent | CloseEvent | DigitsEvent | ForkEvent | GatherDigitsEvent | GenerateEvent | LineStateEvent | LostEvent | MonitorMediaEvent | NewCallEvent | ParkedEvent | RecordingEvent | RegistrationEvent | ReplyEvent | Problem]
    """

    kwargs = _get_kwargs(
        after=after,
        access_token=access_token,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    after: int | Unset = UNSET,
    access_token: str | Unset = UNSET,
) -> (
    AddressStateEvent
    | CallInfoEvent
    | CallQualityEvent
    | CallStateEvent
    | CloseEvent
    | DigitsEvent
    | ForkEvent
    | GatherDigitsEvent
    | GenerateEvent
    | LineStateEvent
    | LostEvent
    | MonitorMediaEvent
    | NewCallEvent
    | ParkedEvent
    | RecordingEvent
    | RegistrationEvent
    | ReplyEvent
    | Problem
    | None
):
    """The messages of the application, each a text frame with one `Event`.

    Args:
        after (int | Unset):
        access_token (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AddressStateEvent | CallInfoEvent | CallQualityEvent | CallStateEvent | CloseEvent | DigitsEvent | ForkEvent | GatherDigitsEvent | GenerateEvent | LineStateEvent | LostEvent | MonitorMediaEvent | NewCallEvent | ParkedEvent | RecordingEvent | RegistrationEvent | ReplyEvent | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
            after=after,
            access_token=access_token,
        )
    ).parsed
