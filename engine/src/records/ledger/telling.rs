//! The events in the life of a call, with the names and the `extra` that Asterisk's channel event logging gives them.

use std::time::Instant;

use serde_json::{Value, json};

use super::Ledger;
use super::call::{Phase, call_name, unique_id};
use super::kept::KeptKey;
use crate::records::event::CallEvent;
use crate::switch::{CallDeed, CallId};

impl Ledger {
    /// How a call stands has changed from what it was, and which conference it was in.
    pub(super) fn tell_moved(&mut self, id: u64, at_ms: i64, before: &Phase, left: Option<u64>) {
        let Some(call) = self.calls.get(&id).filter(|_| self.tells_events) else { return };
        let (phase, peer, conference) = (call.phase.clone(), call.peer, call.conference);
        let has_moved = *before != phase;
        if *before == Phase::Waiting && has_moved {
            self.tell(id, "ANSWER", at_ms, String::new());
        }
        if let Some(left) = left.filter(|_| left != conference) {
            self.tell_conference(id, "CONF_EXIT", at_ms, left);
        }
        match (before, &phase) {
            (Phase::Talking, Phase::Holding) => self.tell(id, "HOLD", at_ms, String::new()),
            (Phase::Holding, Phase::Talking) => self.tell(id, "UNHOLD", at_ms, String::new()),
            (Phase::Parked(_), Phase::Talking | Phase::Holding) => {
                let (retriever, _) = self.channel_of(peer);
                let extra = json!({"reason": "ParkedCallUnparked", "retriever": retriever});
                self.tell_with(id, "PARK_END", at_ms, retriever, extra.to_string());
            }
            (_, Phase::Parked(slot)) if has_moved => {
                let extra = json!({"parking_space": slot}).to_string();
                self.tell_with(id, "PARK_START", at_ms, String::new(), extra);
            }
            (_, Phase::Conference) if has_moved => self.tell_conference(id, "CONF_START", at_ms, id),
            (_, _) => {}
        }
        if let Some(entered) = conference.filter(|_| left != conference) {
            self.tell_conference(id, "CONF_ENTER", at_ms, entered);
        }
    }

    /// A call that is over leaves where it was.
    fn tell_left(&mut self, id: u64, at_ms: i64) {
        let Some(call) = self.calls.get(&id) else { return };
        let (phase, conference) = (call.phase.clone(), call.conference);
        if let Some(conference) = conference {
            self.tell_conference(id, "CONF_EXIT", at_ms, conference);
        }
        match phase {
            Phase::Parked(_) => {
                let extra = json!({"reason": "ParkedCallGiveUp", "retriever": ""}).to_string();
                self.tell_with(id, "PARK_END", at_ms, String::new(), extra);
            }
            Phase::Conference => self.tell_conference(id, "CONF_END", at_ms, id),
            Phase::Waiting | Phase::Talking | Phase::Holding => {}
        }
    }

    fn tell_conference(&mut self, id: u64, event: &'static str, at_ms: i64, conference: u64) {
        let (peer, _) = self.channel_of(self.calls.get(&id).and_then(|call| call.peer));
        self.tell_with(id, event, at_ms, peer, json!({"conference": call_name(conference)}).to_string());
    }

    /// Something was done with a call.
    pub(super) fn deed(&mut self, id: u64, at: Instant, deed: &CallDeed) {
        let Some(call) = self.calls.get(&id).filter(|_| self.tells_events) else { return };
        let (at_ms, context) = (call.at(at), call.context());
        let of = |CallId(call): CallId| self.channel_of(Some(call));
        let (event, peer, extra): (_, _, Value) = match deed {
            CallDeed::BlindTransfer { far, to } => {
                let (far, far_id) = of(*far);
                let extra = json!({"extension": to, "context": context, "transferee_channel_name": far,
                    "transferee_channel_uniqueid": far_id});
                ("BLINDTRANSFER", far, extra)
            }
            CallDeed::AttendedTransfer { far, consult, to } => {
                let ((far, far_id), (second, second_id), (to, to_id)) = (of(*far), of(*consult), of(*to));
                let extra = json!({"channel2_name": second, "channel2_uniqueid": second_id,
                    "transferee_channel_name": far, "transferee_channel_uniqueid": far_id,
                    "transfer_target_channel_name": to, "transfer_target_channel_uniqueid": to_id});
                ("ATTENDEDTRANSFER", far, extra)
            }
            CallDeed::Pickup { by } => {
                let (by, by_id) = of(*by);
                let extra = json!({"pickup_channel": by, "pickup_channel_uniqueid": by_id});
                ("PICKUP", by, extra)
            }
            CallDeed::Forward { by, to, reason } => {
                let extra = json!({"forward": format!("{to}@{context}"), "by": by, "reason": reason.name()});
                ("FORWARD", String::new(), extra)
            }
        };
        self.tell_with(id, event, at_ms, peer, extra.to_string());
    }

    /// Name and unique id of a call's channel; empty where it is not known.
    fn channel_of(&self, call: Option<u64>) -> (String, String) {
        let known = call.and_then(|id| Some((id, self.calls.get(&id)?)));
        known.map_or_else(Default::default, |(id, call)| (call.channel(id), unique_id(call.began_ms, id)))
    }

    pub(super) fn forget(&mut self, id: u64) {
        let Some(call) = self.calls.get(&id) else { return };
        let Some(over) = &call.over else { return };
        let (at_ms, linked) = (call.at(over.at), call.linked);
        if self.tells_events {
            let cause = over.cause.q850.map_or_else(|| "null".to_owned(), |cause| cause.to_string());
            let extra = format!(
                "{{\"hangupcause\":{cause},\"sipstatus\":{},\"disconnectmode\":\"{}\"}}",
                over.cause.status,
                over.mode.name()
            );
            self.tell_left(id, at_ms);
            self.tell_with(id, "HANGUP", at_ms, String::new(), extra);
            self.tell(id, "CHAN_END", at_ms, String::new());
            if !self.calls.iter().any(|(other, call)| *other != id && call.linked == linked) {
                self.tell(id, "LINKEDID_END", at_ms, String::new());
            }
        }
        self.calls.remove(&id);
        self.changed.insert(KeptKey::Call(id));
    }

    pub(super) fn tell(&mut self, id: u64, eventtype: &'static str, at_ms: i64, peer: String) {
        self.tell_with(id, eventtype, at_ms, peer, String::new());
    }

    pub(super) fn tell_with(
        &mut self,
        id: u64,
        eventtype: &'static str,
        at_ms: i64,
        peer: String,
        extra: String,
    ) {
        let Some(call) = self.calls.get(&id).filter(|_| self.tells_events) else { return };
        self.events.push(CallEvent {
            eventtype,
            at_ms,
            cid_name: call.name.clone(),
            cid_num: call.number.clone(),
            cid_rdnis: call.redirecting.clone(),
            exten: call.words.called.clone(),
            context: call.context(),
            channame: call.channel(id),
            appname: call.words.application.clone(),
            appdata: call.words.reached.clone(),
            accountcode: call.line.clone(),
            uniqueid: unique_id(call.began_ms, id),
            linkedid: unique_id(call.linked.0, call.linked.1),
            peer,
            extra,
        });
    }
}
