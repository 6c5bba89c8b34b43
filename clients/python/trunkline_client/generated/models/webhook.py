from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.error import Error


T = TypeVar("T", bound="Webhook")


@_attrs_define
class Webhook:
    """A webhook. Its secrets, and what stands behind the host of its URL, are not shown."""

    app: str
    """ The application whose events it is told. """
    behind: int
    """ Events behind that which are not delivered yet, those included that it does not want. """
    delivered: int
    """ Events that were delivered since the start. """
    events: list[str]
    """ The types of events that it is told; empty: all. """
    failed: int
    """ Tries that failed since the start. """
    failures: int
    """ Tries that failed one after the other. """
    lines: list[str]
    """ The lines whose events it is told; empty: all. """
    lost: int
    """ Events that were kept no longer when their turn came, since the start. """
    name: str
    """ Its name. """
    server: str
    """ Where the receiver is. """
    since: str
    """ Since when. """
    state: str
    """ `up`, `failing` (events wait for the next try) or `gone` (the receiver answered 410: nothing is sent until a
    reload). """
    last_error: Error | None | Unset = UNSET
    last_seq: int | None | Unset = UNSET
    """ The last event that was delivered; null: none since the start. """
    next_try: None | str | Unset = UNSET
    """ When the next try is, where one failed. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.error import Error  # noqa: PLC0415

        app = self.app

        behind = self.behind

        delivered = self.delivered

        events = self.events

        failed = self.failed

        failures = self.failures

        lines = self.lines

        lost = self.lost

        name = self.name

        server = self.server

        since = self.since

        state = self.state

        last_error: dict[str, Any] | None | Unset
        if isinstance(self.last_error, Unset):
            last_error = UNSET
        elif isinstance(self.last_error, Error):
            last_error = self.last_error.to_dict()
        else:
            last_error = self.last_error

        last_seq: int | None | Unset
        if isinstance(self.last_seq, Unset):
            last_seq = UNSET
        else:
            last_seq = self.last_seq

        next_try: None | str | Unset
        if isinstance(self.next_try, Unset):
            next_try = UNSET
        else:
            next_try = self.next_try

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "app": app,
                "behind": behind,
                "delivered": delivered,
                "events": events,
                "failed": failed,
                "failures": failures,
                "lines": lines,
                "lost": lost,
                "name": name,
                "server": server,
                "since": since,
                "state": state,
            }
        )
        if last_error is not UNSET:
            field_dict["last_error"] = last_error
        if last_seq is not UNSET:
            field_dict["last_seq"] = last_seq
        if next_try is not UNSET:
            field_dict["next_try"] = next_try

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.error import Error  # noqa: PLC0415

        d = dict(src_dict)
        app = d.pop("app")

        behind = d.pop("behind")

        delivered = d.pop("delivered")

        events = cast(list[str], d.pop("events"))

        failed = d.pop("failed")

        failures = d.pop("failures")

        lines = cast(list[str], d.pop("lines"))

        lost = d.pop("lost")

        name = d.pop("name")

        server = d.pop("server")

        since = d.pop("since")

        state = d.pop("state")

        def _parse_last_error(data: object) -> Error | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                last_error_type_0 = Error.from_dict(data)

                return last_error_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Error | None | Unset, data)

        last_error = _parse_last_error(d.pop("last_error", UNSET))

        def _parse_last_seq(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        last_seq = _parse_last_seq(d.pop("last_seq", UNSET))

        def _parse_next_try(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        next_try = _parse_next_try(d.pop("next_try", UNSET))

        webhook = cls(
            app=app,
            behind=behind,
            delivered=delivered,
            events=events,
            failed=failed,
            failures=failures,
            lines=lines,
            lost=lost,
            name=name,
            server=server,
            since=since,
            state=state,
            last_error=last_error,
            last_seq=last_seq,
            next_try=next_try,
        )

        webhook.additional_properties = d
        return webhook

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
