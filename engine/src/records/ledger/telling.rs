//! The events in the life of a call.

use super::Ledger;
use super::call::unique_id;
use super::kept::KeptKey;
use crate::records::event::CallEvent;

impl Ledger {
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
