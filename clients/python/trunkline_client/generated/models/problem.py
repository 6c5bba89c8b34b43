from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.explain import Explain
    from ..models.mistake import Mistake


T = TypeVar("T", bound="Problem")


@_attrs_define
class Problem:
    """An error as it is answered."""

    code: str
    """ The LINEERR_ constant's suffix in lower case; without TAPI's word for it, the HTTP reason in kebab case. """
    detail: str
    """ What is wrong and what would be allowed, as a sentence. """
    explain: Explain
    """ Why a request was refused, and what would not have been. """
    status: int
    """ The HTTP status. """
    title: str
    """ The reason phrase of the HTTP status. """
    allowed: list[str] | None | Unset = UNSET
    """ Operations that this application could do with the call at that moment. """
    errors: list[Mistake] | None | Unset = UNSET
    """ What is wrong in the configuration, each with its place; of `reload` alone. """
    state: None | str | Unset = UNSET
    """ The state of the call that the operation was refused in. """
    state_mode: None | str | Unset = UNSET
    """ The mode of that state. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = self.code

        detail = self.detail

        explain = self.explain.to_dict()

        status = self.status

        title = self.title

        allowed: list[str] | None | Unset
        if isinstance(self.allowed, Unset):
            allowed = UNSET
        elif isinstance(self.allowed, list):
            allowed = self.allowed

        else:
            allowed = self.allowed

        errors: list[dict[str, Any]] | None | Unset
        if isinstance(self.errors, Unset):
            errors = UNSET
        elif isinstance(self.errors, list):
            errors = []
            for errors_type_0_item_data in self.errors:
                errors_type_0_item = errors_type_0_item_data.to_dict()
                errors.append(errors_type_0_item)

        else:
            errors = self.errors

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

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "code": code,
                "detail": detail,
                "explain": explain,
                "status": status,
                "title": title,
            }
        )
        if allowed is not UNSET:
            field_dict["allowed"] = allowed
        if errors is not UNSET:
            field_dict["errors"] = errors
        if state is not UNSET:
            field_dict["state"] = state
        if state_mode is not UNSET:
            field_dict["state_mode"] = state_mode

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.explain import Explain  # noqa: PLC0415
        from ..models.mistake import Mistake  # noqa: PLC0415

        d = dict(src_dict)
        code = d.pop("code")

        detail = d.pop("detail")

        explain = Explain.from_dict(d.pop("explain"))

        status = d.pop("status")

        title = d.pop("title")

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

        def _parse_errors(data: object) -> list[Mistake] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                errors_type_0 = []
                _errors_type_0 = data
                for errors_type_0_item_data in _errors_type_0:
                    errors_type_0_item = Mistake.from_dict(errors_type_0_item_data)

                    errors_type_0.append(errors_type_0_item)

                return errors_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[Mistake] | None | Unset, data)

        errors = _parse_errors(d.pop("errors", UNSET))

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

        problem = cls(
            code=code,
            detail=detail,
            explain=explain,
            status=status,
            title=title,
            allowed=allowed,
            errors=errors,
            state=state,
            state_mode=state_mode,
        )

        problem.additional_properties = d
        return problem

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
