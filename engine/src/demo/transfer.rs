//! The phone transfers: REFER, and what the NOTIFYs that follow say (RFC 3515, RFC 5589).

use std::net::SocketAddr;
use std::time::Instant;

use rsip::Header;
use trunkline_sip::message::{Message, Method};

use super::call::{Call, Change};
use super::phone::{Notice, Phone, PhoneOutbox, Status};
use super::transaction::Purpose;

impl Phone {
    /// Sends the other side of the latest call to this address: a blind transfer.
    pub fn transfer(&mut self, now: Instant, to: &str, out: &mut PhoneOutbox) {
        let refer_to = format!("<sip:{to}@{}>", self.config.domain);
        self.transfer_to(now, &refer_to, out);
    }

    /// Sends the other side of the latest call to what this Refer-To says.
    pub fn transfer_to(&mut self, now: Instant, refer_to: &str, out: &mut PhoneOutbox) {
        if let Some(index) = self.latest(|call| call.status == Status::Connected) {
            self.refer(now, index, refer_to, out);
        }
    }

    /// Connects the other side of the call before the latest with that of the latest, whether that one is answered or rings.
    pub fn transfer_to_consulted(&mut self, now: Instant, out: &mut PhoneOutbox) {
        let Some(consulted) = self.latest(|call| !call.is_over()) else { return };
        let id = self.calls[consulted].id;
        let Some(index) = self.latest(|call| call.status == Status::Connected && call.id != id) else {
            return;
        };
        let dialog = &self.calls[consulted].dialog;
        let escaped_id = dialog.call_id.replace('@', "%40");
        let refer_to = format!(
            "<{}?Replaces={escaped_id}%3Bto-tag%3D{}%3Bfrom-tag%3D{}&Require=replaces>",
            dialog.target, dialog.remote_tag, dialog.local_tag
        );
        self.refer(now, index, &refer_to, out);
    }

    /// How another phone may name the dialog of the latest call in Replaces (RFC 3891): its tags as the engine sees them.
    pub fn replaceable(&self) -> Option<String> {
        let dialog = &self.latest(|call| !call.is_over()).map(|index| &self.calls[index].dialog)?;
        Some(format!("{};to-tag={};from-tag={}", dialog.call_id, dialog.remote_tag, dialog.local_tag))
    }

    fn refer(&mut self, now: Instant, index: usize, refer_to: &str, out: &mut PhoneOutbox) {
        let referred_by = format!("<sip:{}@{}>", self.config.user, self.config.domain);
        let headers = [("Refer-To", refer_to), ("Referred-By", referred_by.as_str())];
        let headers = headers.map(|(name, value)| Header::Other(name.to_owned(), value.to_owned()));
        self.send(now, index, (Method::Refer, Purpose::Refer), headers.into(), "", out);
    }

    /// The engine refused to transfer, or accepted it.
    pub(super) fn referred(&mut self, now: Instant, index: usize, status: u16, out: &mut PhoneOutbox) {
        if status >= 300 {
            self.transfer_ended(now, index, status, out);
        }
    }

    /// A NOTIFY of the transfer: how far it is.
    pub(super) fn receive_transfer_notify(
        &mut self,
        now: Instant,
        from: SocketAddr,
        request: &Message,
        index: usize,
        out: &mut PhoneOutbox,
    ) {
        let id = self.calls[index].id;
        self.respond(now, from, request, id, (200, ""), &[], out);
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let status = body.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok());
        match status {
            Some(status) if status >= 200 => self.transfer_ended(now, index, status, out),
            Some(status) => out.notices.push(Notice::Transfer(id, status)),
            None => self.complain("a NOTIFY of a transfer without a status line".to_owned()),
        }
    }

    fn transfer_ended(&mut self, now: Instant, index: usize, status: u16, out: &mut PhoneOutbox) {
        out.notices.push(Notice::Transfer(self.calls[index].id, status));
        if status >= 300 && self.calls[index].holds {
            self.change(now, index, Change::Resume, out);
        } else if status < 300 && self.script.leaves_transferred {
            self.hang_up_call(now, index, out);
        }
    }

    /// The calls that are not over, as the user counts them.
    pub fn calls_up(&self) -> usize {
        self.calls.iter().filter(|call| !Call::is_over(call)).count()
    }
}
