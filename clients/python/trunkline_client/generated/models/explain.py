from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.missing import Missing, check_missing
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.argument import Argument


T = TypeVar("T", bound="Explain")


@_attrs_define
class Explain:
    """Why a request was refused, and what would not have been."""

    missing: Missing
    """ What a refused request lacks, in a word. """
    sentence: str
    """ What to do about it, as a sentence. """
    allowed: list[str] | None | Unset = UNSET
    """ Operations that this application could do with the call, or with the line, at that moment: its `features`.
    """
    argument: Argument | None | Unset = UNSET
    operation: None | str | Unset = UNSET
    """ The operation that was asked for. """
    privilege: None | str | Unset = UNSET
    """ What this application holds of the call, or opened the line with: `owner`, `monitor` or `none`. """
    state: None | str | Unset = UNSET
    """ LINECALLSTATE_ of the call at that moment. """
    state_mode: None | str | Unset = UNSET
    """ The mode of that state, where it has one. """
    states: list[str] | None | Unset = UNSET
    """ Where the state is missing: those in which the operation is taken, with the mode where it matters. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.argument import Argument  # noqa: PLC0415

        missing: str = self.missing

        sentence = self.sentence

        allowed: list[str] | None | Unset
        if isinstance(self.allowed, Unset):
            allowed = UNSET
        elif isinstance(self.allowed, list):
            allowed = self.allowed

        else:
            allowed = self.allowed

        argument: dict[str, Any] | None | Unset
        if isinstance(self.argument, Unset):
            argument = UNSET
        elif isinstance(self.argument, Argument):
            argument = self.argument.to_dict()
        else:
            argument = self.argument

        operation: None | str | Unset
        if isinstance(self.operation, Unset):
            operation = UNSET
        else:
            operation = self.operation

        privilege: None | str | Unset
        if isinstance(self.privilege, Unset):
            privilege = UNSET
        else:
            privilege = self.privilege

        state: None | str | Unset
        if isinstance(self.state, Unset):
            state = UNSET
        else:
            state = self.state

        state_mode: None | str | Unset
        if isinstance(self.state_mode, Unset):
            state_mode = UNSET
        else:
            state_mode = self.state_mode

        states: list[str] | None | Unset
        if isinstance(self.states, Unset):
            states = UNSET
        elif isinstance(self.states, list):
            states = self.states

        else:
            states = self.states

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "missing": missing,
                "sentence": sentence,
            }
        )
        if allowed is not UNSET:
            field_dict["allowed"] = allowed
        if argument is not UNSET:
            field_dict["argument"] = argument
        if operation is not UNSET:
            field_dict["operation"] = operation
        if privilege is not UNSET:
            field_dict["privilege"] = privilege
        if state is not UNSET:
            field_dict["state"] = state
        if state_mode is not UNSET:
            field_dict["state_mode"] = state_mode
        if states is not UNSET:
            field_dict["states"] = states

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.argument import Argument  # noqa: PLC0415

        d = dict(src_dict)
        missing = check_missing(d.pop("missing"))

        sentence = d.pop("sentence")

        def _parse_allowed(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                allowed_type_0 = cast(list[str], data)

                return allowed_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        allowed = _parse_allowed(d.pop("allowed", UNSET))

        def _parse_argument(data: object) -> Argument | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                argument_type_0 = Argument.from_dict(data)

                return argument_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Argument | None | Unset, data)

        argument = _parse_argument(d.pop("argument", UNSET))

        def _parse_operation(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        operation = _parse_operation(d.pop("operation", UNSET))

        def _parse_privilege(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        privilege = _parse_privilege(d.pop("privilege", UNSET))

        def _parse_state(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        state = _parse_state(d.pop("state", UNSET))

        def _parse_state_mode(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        state_mode = _parse_state_mode(d.pop("state_mode", UNSET))

        def _parse_states(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                states_type_0 = cast(list[str], data)

                return states_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        states = _parse_states(d.pop("states", UNSET))

        explain = cls(
            missing=missing,
            sentence=sentence,
            allowed=allowed,
            argument=argument,
            operation=operation,
            privilege=privilege,
            state=state,
            state_mode=state_mode,
            states=states,
        )

        explain.additional_properties = d
        return explain

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
