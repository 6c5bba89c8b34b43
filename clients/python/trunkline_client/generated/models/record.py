from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Record")


@_attrs_define
class Record:
    """One conversation or attempt; docs/records.md tells the fields."""

    accountcode: str
    amaflags: str
    answer: str
    billsec: int | None
    call: str
    channel: str
    clid: str
    dcontext: str
    disconnectmode: str
    disposition: str
    dst: str
    dst_codec: None | str
    dst_rtt: float | None
    dst_rx_jitter: float | None
    dst_rx_loss: float | None
    dst_rx_mos: float | None
    dst_tx_jitter: float | None
    dst_tx_loss: float | None
    dst_tx_mos: float | None
    dstchannel: str
    duration: int | None
    end: str
    endedby: str
    hangupcause: int | None
    id: int
    """ Its number. """
    lastapp: str
    lastdata: str
    linkedid: str
    peer_call: str
    peeraccount: str
    reason: str
    sequence: int | None
    sipstatus: int | None
    src: str
    src_codec: None | str
    src_rtt: float | None
    src_rx_jitter: float | None
    src_rx_loss: float | None
    src_rx_mos: float | None
    src_tx_jitter: float | None
    src_tx_loss: float | None
    src_tx_mos: float | None
    start: str
    uniqueid: str
    userfield: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        accountcode = self.accountcode

        amaflags = self.amaflags

        answer = self.answer

        billsec: int | None
        billsec = self.billsec

        call = self.call

        channel = self.channel

        clid = self.clid

        dcontext = self.dcontext

        disconnectmode = self.disconnectmode

        disposition = self.disposition

        dst = self.dst

        dst_codec: None | str
        dst_codec = self.dst_codec

        dst_rtt: float | None
        dst_rtt = self.dst_rtt

        dst_rx_jitter: float | None
        dst_rx_jitter = self.dst_rx_jitter

        dst_rx_loss: float | None
        dst_rx_loss = self.dst_rx_loss

        dst_rx_mos: float | None
        dst_rx_mos = self.dst_rx_mos

        dst_tx_jitter: float | None
        dst_tx_jitter = self.dst_tx_jitter

        dst_tx_loss: float | None
        dst_tx_loss = self.dst_tx_loss

        dst_tx_mos: float | None
        dst_tx_mos = self.dst_tx_mos

        dstchannel = self.dstchannel

        duration: int | None
        duration = self.duration

        end = self.end

        endedby = self.endedby

        hangupcause: int | None
        hangupcause = self.hangupcause

        id = self.id

        lastapp = self.lastapp

        lastdata = self.lastdata

        linkedid = self.linkedid

        peer_call = self.peer_call

        peeraccount = self.peeraccount

        reason = self.reason

        sequence: int | None
        sequence = self.sequence

        sipstatus: int | None
        sipstatus = self.sipstatus

        src = self.src

        src_codec: None | str
        src_codec = self.src_codec

        src_rtt: float | None
        src_rtt = self.src_rtt

        src_rx_jitter: float | None
        src_rx_jitter = self.src_rx_jitter

        src_rx_loss: float | None
        src_rx_loss = self.src_rx_loss

        src_rx_mos: float | None
        src_rx_mos = self.src_rx_mos

        src_tx_jitter: float | None
        src_tx_jitter = self.src_tx_jitter

        src_tx_loss: float | None
        src_tx_loss = self.src_tx_loss

        src_tx_mos: float | None
        src_tx_mos = self.src_tx_mos

        start = self.start

        uniqueid = self.uniqueid

        userfield = self.userfield

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "accountcode": accountcode,
                "amaflags": amaflags,
                "answer": answer,
                "billsec": billsec,
                "call": call,
                "channel": channel,
                "clid": clid,
                "dcontext": dcontext,
                "disconnectmode": disconnectmode,
                "disposition": disposition,
                "dst": dst,
                "dst_codec": dst_codec,
                "dst_rtt": dst_rtt,
                "dst_rx_jitter": dst_rx_jitter,
                "dst_rx_loss": dst_rx_loss,
                "dst_rx_mos": dst_rx_mos,
                "dst_tx_jitter": dst_tx_jitter,
                "dst_tx_loss": dst_tx_loss,
                "dst_tx_mos": dst_tx_mos,
                "dstchannel": dstchannel,
                "duration": duration,
                "end": end,
                "endedby": endedby,
                "hangupcause": hangupcause,
                "id": id,
                "lastapp": lastapp,
                "lastdata": lastdata,
                "linkedid": linkedid,
                "peer_call": peer_call,
                "peeraccount": peeraccount,
                "reason": reason,
                "sequence": sequence,
                "sipstatus": sipstatus,
                "src": src,
                "src_codec": src_codec,
                "src_rtt": src_rtt,
                "src_rx_jitter": src_rx_jitter,
                "src_rx_loss": src_rx_loss,
                "src_rx_mos": src_rx_mos,
                "src_tx_jitter": src_tx_jitter,
                "src_tx_loss": src_tx_loss,
                "src_tx_mos": src_tx_mos,
                "start": start,
                "uniqueid": uniqueid,
                "userfield": userfield,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        accountcode = d.pop("accountcode")

        amaflags = d.pop("amaflags")

        answer = d.pop("answer")

        def _parse_billsec(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        billsec = _parse_billsec(d.pop("billsec"))

        call = d.pop("call")

        channel = d.pop("channel")

        clid = d.pop("clid")

        dcontext = d.pop("dcontext")

        disconnectmode = d.pop("disconnectmode")

        disposition = d.pop("disposition")

        dst = d.pop("dst")

        def _parse_dst_codec(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        dst_codec = _parse_dst_codec(d.pop("dst_codec"))

        def _parse_dst_rtt(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        dst_rtt = _parse_dst_rtt(d.pop("dst_rtt"))

        def _parse_dst_rx_jitter(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        dst_rx_jitter = _parse_dst_rx_jitter(d.pop("dst_rx_jitter"))

        def _parse_dst_rx_loss(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        dst_rx_loss = _parse_dst_rx_loss(d.pop("dst_rx_loss"))

        def _parse_dst_rx_mos(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        dst_rx_mos = _parse_dst_rx_mos(d.pop("dst_rx_mos"))

        def _parse_dst_tx_jitter(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        dst_tx_jitter = _parse_dst_tx_jitter(d.pop("dst_tx_jitter"))

        def _parse_dst_tx_loss(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        dst_tx_loss = _parse_dst_tx_loss(d.pop("dst_tx_loss"))

        def _parse_dst_tx_mos(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        dst_tx_mos = _parse_dst_tx_mos(d.pop("dst_tx_mos"))

        dstchannel = d.pop("dstchannel")

        def _parse_duration(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        duration = _parse_duration(d.pop("duration"))

        end = d.pop("end")

        endedby = d.pop("endedby")

        def _parse_hangupcause(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        hangupcause = _parse_hangupcause(d.pop("hangupcause"))

        id = d.pop("id")

        lastapp = d.pop("lastapp")

        lastdata = d.pop("lastdata")

        linkedid = d.pop("linkedid")

        peer_call = d.pop("peer_call")

        peeraccount = d.pop("peeraccount")

        reason = d.pop("reason")

        def _parse_sequence(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        sequence = _parse_sequence(d.pop("sequence"))

        def _parse_sipstatus(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        sipstatus = _parse_sipstatus(d.pop("sipstatus"))

        src = d.pop("src")

        def _parse_src_codec(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        src_codec = _parse_src_codec(d.pop("src_codec"))

        def _parse_src_rtt(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        src_rtt = _parse_src_rtt(d.pop("src_rtt"))

        def _parse_src_rx_jitter(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        src_rx_jitter = _parse_src_rx_jitter(d.pop("src_rx_jitter"))

        def _parse_src_rx_loss(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        src_rx_loss = _parse_src_rx_loss(d.pop("src_rx_loss"))

        def _parse_src_rx_mos(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        src_rx_mos = _parse_src_rx_mos(d.pop("src_rx_mos"))

        def _parse_src_tx_jitter(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        src_tx_jitter = _parse_src_tx_jitter(d.pop("src_tx_jitter"))

        def _parse_src_tx_loss(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        src_tx_loss = _parse_src_tx_loss(d.pop("src_tx_loss"))

        def _parse_src_tx_mos(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        src_tx_mos = _parse_src_tx_mos(d.pop("src_tx_mos"))

        start = d.pop("start")

        uniqueid = d.pop("uniqueid")

        userfield = d.pop("userfield")

        record = cls(
            accountcode=accountcode,
            amaflags=amaflags,
            answer=answer,
            billsec=billsec,
            call=call,
            channel=channel,
            clid=clid,
            dcontext=dcontext,
            disconnectmode=disconnectmode,
            disposition=disposition,
            dst=dst,
            dst_codec=dst_codec,
            dst_rtt=dst_rtt,
            dst_rx_jitter=dst_rx_jitter,
            dst_rx_loss=dst_rx_loss,
            dst_rx_mos=dst_rx_mos,
            dst_tx_jitter=dst_tx_jitter,
            dst_tx_loss=dst_tx_loss,
            dst_tx_mos=dst_tx_mos,
            dstchannel=dstchannel,
            duration=duration,
            end=end,
            endedby=endedby,
            hangupcause=hangupcause,
            id=id,
            lastapp=lastapp,
            lastdata=lastdata,
            linkedid=linkedid,
            peer_call=peer_call,
            peeraccount=peeraccount,
            reason=reason,
            sequence=sequence,
            sipstatus=sipstatus,
            src=src,
            src_codec=src_codec,
            src_rtt=src_rtt,
            src_rx_jitter=src_rx_jitter,
            src_rx_loss=src_rx_loss,
            src_rx_mos=src_rx_mos,
            src_tx_jitter=src_tx_jitter,
            src_tx_loss=src_tx_loss,
            src_tx_mos=src_tx_mos,
            start=start,
            uniqueid=uniqueid,
            userfield=userfield,
        )

        record.additional_properties = d
        return record

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
