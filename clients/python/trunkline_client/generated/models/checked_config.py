from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.mistake import Mistake
    from ..models.reloaded import Reloaded


T = TypeVar("T", bound="CheckedConfig")


@_attrs_define
class CheckedConfig:
    """What a reload would do."""

    errors: list[Mistake]
    """ What is wrong, in the order of the lines: a reload would change nothing. """
    notes: list[str]
    """ What is to be known though nothing is wrong: certificates that end soon, hosts that name servers do not
    know. """
    restart: list[Mistake]
    """ What only a restart can change: a reload would change nothing. """
    loaded: None | Reloaded | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.reloaded import Reloaded  # noqa: PLC0415

        errors = []
        for errors_item_data in self.errors:
            errors_item = errors_item_data.to_dict()
            errors.append(errors_item)

        notes = self.notes

        restart = []
        for restart_item_data in self.restart:
            restart_item = restart_item_data.to_dict()
            restart.append(restart_item)

        loaded: dict[str, Any] | None | Unset
        if isinstance(self.loaded, Unset):
            loaded = UNSET
        elif isinstance(self.loaded, Reloaded):
            loaded = self.loaded.to_dict()
        else:
            loaded = self.loaded

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "errors": errors,
                "notes": notes,
                "restart": restart,
            }
        )
        if loaded is not UNSET:
            field_dict["loaded"] = loaded

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.mistake import Mistake  # noqa: PLC0415
        from ..models.reloaded import Reloaded  # noqa: PLC0415

        d = dict(src_dict)
        errors = []
        _errors = d.pop("errors")
        for errors_item_data in _errors:
            errors_item = Mistake.from_dict(errors_item_data)

            errors.append(errors_item)

        notes = cast(list[str], d.pop("notes"))

        restart = []
        _restart = d.pop("restart")
        for restart_item_data in _restart:
            restart_item = Mistake.from_dict(restart_item_data)

            restart.append(restart_item)

        def _parse_loaded(data: object) -> None | Reloaded | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                loaded_type_0 = Reloaded.from_dict(data)

                return loaded_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Reloaded | Unset, data)

        loaded = _parse_loaded(d.pop("loaded", UNSET))

        checked_config = cls(
            errors=errors,
            notes=notes,
            restart=restart,
            loaded=loaded,
        )

        checked_config.additional_properties = d
        return checked_config

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
