from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.fork import Fork
    from ..models.media import Media
    from ..models.party import Party
    from ..models.recording import Recording


T = TypeVar("T", bound="Call")


@_attrs_define
class Call:
    """A call as this application sees it."""

    address: str
    """ The address of that line. """
    call_data: str
    """ CallData, in hexadecimal. """
    called: Party
    """ A party as a person reads it. """
    caller: Party
    """ A party as a person reads it. """
    connected: Party
    """ A party as a person reads it. """
    features: list[str]
    """ Operations that would be accepted now: never more, never less. """
    forks: list[Fork]
    """ Where its audio is forked to. """
    id: str
    """ The same for every application. """
    line: str
    """ The line that the call appears on. """
    media_modes: list[str]
    """ LINEMEDIAMODE_. """
    origin: str
    """ LINECALLORIGIN_. """
    privilege: str
    """ `owner` or `monitor`. """
    reason: str
    """ LINECALLREASON_. """
    redirecting: Party
    """ A party as a person reads it. """
    redirection: Party
    """ A party as a person reads it. """
    related: list[str]
    """ Calls that are joined with this one, or consult for it; of a conference and its members, each other. """
    since: datetime.datetime
    """ When the state was entered (RFC 3339). """
    state: str
    """ LINECALLSTATE_. """
    user_user: str
    """ The user-user information that came last, in hexadecimal (RFC 7433). """
    completion: int | None | Unset = UNSET
    """ The completion that made the call. """
    media: Media | None | Unset = UNSET
    recording: None | Recording | Unset = UNSET
    state_mode: None | str | Unset = UNSET
    """ The mode of the state, where it has one: LINECONNECTEDMODE_, LINEDISCONNECTMODE_ … """
    verstat: None | str | Unset = UNSET
    """ What a trusted network found of the caller's number (STIR). """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.media import Media  # noqa: PLC0415
        from ..models.recording import Recording  # noqa: PLC0415

        address = self.address

        call_data = self.call_data

        called = self.called.to_dict()

        caller = self.caller.to_dict()

        connected = self.connected.to_dict()

        features = self.features

        forks = []
        for forks_item_data in self.forks:
            forks_item = forks_item_data.to_dict()
            forks.append(forks_item)

        id = self.id

        line = self.line

        media_modes = self.media_modes

        origin = self.origin

        privilege = self.privilege

        reason = self.reason

        redirecting = self.redirecting.to_dict()

        redirection = self.redirection.to_dict()

        related = self.related

        since = self.since.isoformat()

        state = self.state

        user_user = self.user_user

        completion: int | None | Unset
        if isinstance(self.completion, Unset):
            completion = UNSET
        else:
            completion = self.completion

        media: dict[str, Any] | None | Unset
        if isinstance(self.media, Unset):
            media = UNSET
        elif isinstance(self.media, Media):
            media = self.media.to_dict()
        else:
            media = self.media

        recording: dict[str, Any] | None | Unset
        if isinstance(self.recording, Unset):
            recording = UNSET
        elif isinstance(self.recording, Recording):
            recording = self.recording.to_dict()
        else:
            recording = self.recording

        state_mode: None | str | Unset
        if isinstance(self.state_mode, Unset):
            state_mode = UNSET
        else:
            state_mode = self.state_mode

        verstat: None | str | Unset
        if isinstance(self.verstat, Unset):
            verstat = UNSET
        else:
            verstat = self.verstat

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "address": address,
                "call_data": call_data,
                "called": called,
                "caller": caller,
                "connected": connected,
                "features": features,
                "forks": forks,
                "id": id,
                "line": line,
                "media_modes": media_modes,
                "origin": origin,
                "privilege": privilege,
                "reason": reason,
                "redirecting": redirecting,
                "redirection": redirection,
                "related": related,
                "since": since,
                "state": state,
                "user_user": user_user,
            }
        )
        if completion is not UNSET:
            field_dict["completion"] = completion
        if media is not UNSET:
            field_dict["media"] = media
        if recording is not UNSET:
            field_dict["recording"] = recording
        if state_mode is not UNSET:
            field_dict["state_mode"] = state_mode
        if verstat is not UNSET:
            field_dict["verstat"] = verstat

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.fork import Fork  # noqa: PLC0415
        from ..models.media import Media  # noqa: PLC0415
        from ..models.party import Party  # noqa: PLC0415
        from ..models.recording import Recording  # noqa: PLC0415

        d = dict(src_dict)
        address = d.pop("address")

        call_data = d.pop("call_data")

        called = Party.from_dict(d.pop("called"))

        caller = Party.from_dict(d.pop("caller"))

        connected = Party.from_dict(d.pop("connected"))

        features = cast(list[str], d.pop("features"))

        forks = []
        _forks = d.pop("forks")
        for forks_item_data in _forks:
            forks_item = Fork.from_dict(forks_item_data)

            forks.append(forks_item)

        id = d.pop("id")

        line = d.pop("line")

        media_modes = cast(list[str], d.pop("media_modes"))

        origin = d.pop("origin")

        privilege = d.pop("privilege")

        reason = d.pop("reason")

        redirecting = Party.from_dict(d.pop("redirecting"))

        redirection = Party.from_dict(d.pop("redirection"))

        related = cast(list[str], d.pop("related"))

        since = datetime.datetime.fromisoformat(d.pop("since"))

        state = d.pop("state")

        user_user = d.pop("user_user")

        def _parse_completion(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        completion = _parse_completion(d.pop("completion", UNSET))

        def _parse_media(data: object) -> Media | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                media_type_0 = Media.from_dict(data)

                return media_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Media | None | Unset, data)

        media = _parse_media(d.pop("media", UNSET))

        def _parse_recording(data: object) -> None | Recording | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                recording_type_0 = Recording.from_dict(data)

                return recording_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Recording | Unset, data)

        recording = _parse_recording(d.pop("recording", UNSET))

        def _parse_state_mode(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        state_mode = _parse_state_mode(d.pop("state_mode", UNSET))

        def _parse_verstat(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        verstat = _parse_verstat(d.pop("verstat", UNSET))

        call = cls(
            address=address,
            call_data=call_data,
            called=called,
            caller=caller,
            connected=connected,
            features=features,
            forks=forks,
            id=id,
            line=line,
            media_modes=media_modes,
            origin=origin,
            privilege=privilege,
            reason=reason,
            redirecting=redirecting,
            redirection=redirection,
            related=related,
            since=since,
            state=state,
            user_user=user_user,
            completion=completion,
            media=media,
            recording=recording,
            state_mode=state_mode,
            verstat=verstat,
        )

        call.additional_properties = d
        return call

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
