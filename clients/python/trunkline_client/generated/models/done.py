from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Done")


@_attrs_define
class Done:
    """What an operation brought forth."""

    call: None | str | Unset = UNSET
    """ The call that came into being. """
    calls: list[str] | None | Unset = UNSET
    """ The calls that were asked for. """
    completion: int | None | Unset = UNSET
    """ The request that is outstanding. """
    conference: None | str | Unset = UNSET
    """ The conference that came into being. """
    consult: None | str | Unset = UNSET
    """ The consultation call that came into being. """
    current_country: int | Unset = UNSET
    """ The country code of the line's location; 0: the line has none. """
    dest_country: int | Unset = UNSET
    """ The country code of the destination; 0: the address was not canonical. """
    dialable: str | Unset = UNSET
    """ What to dial. It may hold the number of a calling card: do not show it, do not log it. """
    displayable: str | Unset = UNSET
    """ What may be shown and logged. """
    fork: None | str | Unset = UNSET
    """ The fork that began. """
    parked_at: None | str | Unset = UNSET
    """ Where the call is parked. """
    path: None | str | Unset = UNSET
    """ The file of the recording that began, from the directory of recordings on. """
    results: list[str] | Unset = UNSET
    """ LINETRANSLATERESULT_, in the order of their values. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        call: None | str | Unset
        if isinstance(self.call, Unset):
            call = UNSET
        else:
            call = self.call

        calls: list[str] | None | Unset
        if isinstance(self.calls, Unset):
            calls = UNSET
        elif isinstance(self.calls, list):
            calls = self.calls

        else:
            calls = self.calls

        completion: int | None | Unset
        if isinstance(self.completion, Unset):
            completion = UNSET
        else:
            completion = self.completion

        conference: None | str | Unset
        if isinstance(self.conference, Unset):
            conference = UNSET
        else:
            conference = self.conference

        consult: None | str | Unset
        if isinstance(self.consult, Unset):
            consult = UNSET
        else:
            consult = self.consult

        current_country = self.current_country

        dest_country = self.dest_country

        dialable = self.dialable

        displayable = self.displayable

        fork: None | str | Unset
        if isinstance(self.fork, Unset):
            fork = UNSET
        else:
            fork = self.fork

        parked_at: None | str | Unset
        if isinstance(self.parked_at, Unset):
            parked_at = UNSET
        else:
            parked_at = self.parked_at

        path: None | str | Unset
        if isinstance(self.path, Unset):
            path = UNSET
        else:
            path = self.path

        results: list[str] | Unset = UNSET
        if not isinstance(self.results, Unset):
            results = self.results

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if call is not UNSET:
            field_dict["call"] = call
        if calls is not UNSET:
            field_dict["calls"] = calls
        if completion is not UNSET:
            field_dict["completion"] = completion
        if conference is not UNSET:
            field_dict["conference"] = conference
        if consult is not UNSET:
            field_dict["consult"] = consult
        if current_country is not UNSET:
            field_dict["current_country"] = current_country
        if dest_country is not UNSET:
            field_dict["dest_country"] = dest_country
        if dialable is not UNSET:
            field_dict["dialable"] = dialable
        if displayable is not UNSET:
            field_dict["displayable"] = displayable
        if fork is not UNSET:
            field_dict["fork"] = fork
        if parked_at is not UNSET:
            field_dict["parked_at"] = parked_at
        if path is not UNSET:
            field_dict["path"] = path
        if results is not UNSET:
            field_dict["results"] = results

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_call(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        call = _parse_call(d.pop("call", UNSET))

        def _parse_calls(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                calls_type_0 = cast(list[str], data)

                return calls_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        calls = _parse_calls(d.pop("calls", UNSET))

        def _parse_completion(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        completion = _parse_completion(d.pop("completion", UNSET))

        def _parse_conference(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        conference = _parse_conference(d.pop("conference", UNSET))

        def _parse_consult(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        consult = _parse_consult(d.pop("consult", UNSET))

        current_country = d.pop("current_country", UNSET)

        dest_country = d.pop("dest_country", UNSET)

        dialable = d.pop("dialable", UNSET)

        displayable = d.pop("displayable", UNSET)

        def _parse_fork(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        fork = _parse_fork(d.pop("fork", UNSET))

        def _parse_parked_at(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        parked_at = _parse_parked_at(d.pop("parked_at", UNSET))

        def _parse_path(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        path = _parse_path(d.pop("path", UNSET))

        results = cast(list[str], d.pop("results", UNSET))

        done = cls(
            call=call,
            calls=calls,
            completion=completion,
            conference=conference,
            consult=consult,
            current_country=current_country,
            dest_country=dest_country,
            dialable=dialable,
            displayable=displayable,
            fork=fork,
            parked_at=parked_at,
            path=path,
            results=results,
        )

        done.additional_properties = d
        return done

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
