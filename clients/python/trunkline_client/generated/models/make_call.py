from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="MakeCall")


@_attrs_define
class MakeCall:
    """The argument of `make-call`: the destination, and LINECALLPARAMS."""

    to: str
    """ The destination in dialable format; empty, or `;` at its end: `dial` brings the rest. Digits after a `,` are
    said when
    the call is connected, two seconds for each `,`. """
    block_id: bool | Unset = UNSET
    """ The called party is not shown who calls. """
    call_data: None | str | Unset = UNSET
    """ CallData, in hexadecimal. """
    calling_party: None | str | Unset = UNSET
    """ The name that the called party is shown. """
    dest_off_hook: bool | Unset = UNSET
    """ The called phone is asked to answer by itself. """
    idle: bool | Unset = UNSET
    """ Only if the line has no call. """
    no_answer_timeout_s: int | None | Unset = UNSET
    """ The call is given up when nobody answered for so many seconds. """
    secure: bool | Unset = UNSET
    """ Nothing may interrupt the call. """
    user_user: None | str | Unset = UNSET
    """ User-user information for the called party, in hexadecimal. """

    def to_dict(self) -> dict[str, Any]:
        to = self.to

        block_id = self.block_id

        call_data: None | str | Unset
        if isinstance(self.call_data, Unset):
            call_data = UNSET
        else:
            call_data = self.call_data

        calling_party: None | str | Unset
        if isinstance(self.calling_party, Unset):
            calling_party = UNSET
        else:
            calling_party = self.calling_party

        dest_off_hook = self.dest_off_hook

        idle = self.idle

        no_answer_timeout_s: int | None | Unset
        if isinstance(self.no_answer_timeout_s, Unset):
            no_answer_timeout_s = UNSET
        else:
            no_answer_timeout_s = self.no_answer_timeout_s

        secure = self.secure

        user_user: None | str | Unset
        if isinstance(self.user_user, Unset):
            user_user = UNSET
        else:
            user_user = self.user_user

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "to": to,
            }
        )
        if block_id is not UNSET:
            field_dict["block_id"] = block_id
        if call_data is not UNSET:
            field_dict["call_data"] = call_data
        if calling_party is not UNSET:
            field_dict["calling_party"] = calling_party
        if dest_off_hook is not UNSET:
            field_dict["dest_off_hook"] = dest_off_hook
        if idle is not UNSET:
            field_dict["idle"] = idle
        if no_answer_timeout_s is not UNSET:
            field_dict["no_answer_timeout_s"] = no_answer_timeout_s
        if secure is not UNSET:
            field_dict["secure"] = secure
        if user_user is not UNSET:
            field_dict["user_user"] = user_user

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        to = d.pop("to")

        block_id = d.pop("block_id", UNSET)

        def _parse_call_data(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        call_data = _parse_call_data(d.pop("call_data", UNSET))

        def _parse_calling_party(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        calling_party = _parse_calling_party(d.pop("calling_party", UNSET))

        dest_off_hook = d.pop("dest_off_hook", UNSET)

        idle = d.pop("idle", UNSET)

        def _parse_no_answer_timeout_s(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        no_answer_timeout_s = _parse_no_answer_timeout_s(d.pop("no_answer_timeout_s", UNSET))

        secure = d.pop("secure", UNSET)

        def _parse_user_user(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        user_user = _parse_user_user(d.pop("user_user", UNSET))

        make_call = cls(
            to=to,
            block_id=block_id,
            call_data=call_data,
            calling_party=calling_party,
            dest_off_hook=dest_off_hook,
            idle=idle,
            no_answer_timeout_s=no_answer_timeout_s,
            secure=secure,
            user_user=user_user,
        )

        return make_call
