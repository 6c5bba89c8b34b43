from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.argument_takes_type_0 import ArgumentTakesType0


T = TypeVar("T", bound="Argument")


@_attrs_define
class Argument:
    """An argument that was not taken."""

    field: str
    """ The field of the body, the parameter or the header. """
    takes: ArgumentTakesType0 | None | Unset = UNSET
    """ What it takes, as its JSON schema in `/v1/openapi.json`; none where there is no such field. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.argument_takes_type_0 import ArgumentTakesType0  # noqa: PLC0415

        field = self.field

        takes: dict[str, Any] | None | Unset
        if isinstance(self.takes, Unset):
            takes = UNSET
        elif isinstance(self.takes, ArgumentTakesType0):
            takes = self.takes.to_dict()
        else:
            takes = self.takes

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "field": field,
            }
        )
        if takes is not UNSET:
            field_dict["takes"] = takes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.argument_takes_type_0 import ArgumentTakesType0  # noqa: PLC0415

        d = dict(src_dict)
        field = d.pop("field")

        def _parse_takes(data: object) -> ArgumentTakesType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                takes_type_0 = ArgumentTakesType0.from_dict(data)

                return takes_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ArgumentTakesType0 | None | Unset, data)

        takes = _parse_takes(d.pop("takes", UNSET))

        argument = cls(
            field=field,
            takes=takes,
        )

        argument.additional_properties = d
        return argument

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
