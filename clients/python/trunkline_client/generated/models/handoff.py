from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.handoff_media_mode_type_1 import (
    HandoffMediaModeType1,
    check_handoff_media_mode_type_1,
)
from ..models.handoff_media_mode_type_2_type_1 import (
    HandoffMediaModeType2Type1,
    check_handoff_media_mode_type_2_type_1,
)
from ..models.handoff_media_mode_type_3_type_1 import (
    HandoffMediaModeType3Type1,
    check_handoff_media_mode_type_3_type_1,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="Handoff")


@_attrs_define
class Handoff:
    """The argument of `handoff`: an application, or a media mode."""

    app: None | str | Unset = UNSET
    """ The application's name. """
    media_mode: HandoffMediaModeType1 | HandoffMediaModeType2Type1 | HandoffMediaModeType3Type1 | None | Unset = UNSET
    """ LINEMEDIAMODE_: to the first that opened the line as owner for it. """

    def to_dict(self) -> dict[str, Any]:
        app: None | str | Unset
        if isinstance(self.app, Unset):
            app = UNSET
        else:
            app = self.app

        media_mode: None | str | Unset
        if isinstance(self.media_mode, Unset):
            media_mode = UNSET
        elif isinstance(self.media_mode, str):
            media_mode = self.media_mode
        elif isinstance(self.media_mode, str):
            media_mode = self.media_mode
        elif isinstance(self.media_mode, str):
            media_mode = self.media_mode
        else:
            media_mode = self.media_mode

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if app is not UNSET:
            field_dict["app"] = app
        if media_mode is not UNSET:
            field_dict["media_mode"] = media_mode

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_app(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        app = _parse_app(d.pop("app", UNSET))

        def _parse_media_mode(
            data: object,
        ) -> HandoffMediaModeType1 | HandoffMediaModeType2Type1 | HandoffMediaModeType3Type1 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                media_mode_type_1 = check_handoff_media_mode_type_1(data)

                return media_mode_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, str):
                    raise TypeError()
                media_mode_type_2_type_1 = check_handoff_media_mode_type_2_type_1(data)

                return media_mode_type_2_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, str):
                    raise TypeError()
                media_mode_type_3_type_1 = check_handoff_media_mode_type_3_type_1(data)

                return media_mode_type_3_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(
                HandoffMediaModeType1 | HandoffMediaModeType2Type1 | HandoffMediaModeType3Type1 | None | Unset, data
            )

        media_mode = _parse_media_mode(d.pop("media_mode", UNSET))

        handoff = cls(
            app=app,
            media_mode=media_mode,
        )

        return handoff
