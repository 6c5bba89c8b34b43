//! Telling by NOTIFY how far a REFER is (RFC 3515 §2.4.5).

use std::time::Instant;

use super::Agent;
use crate::dialog::Dialog;
use crate::endpoint::Endpoint;
use crate::ids::{LegId, UsageId};
use crate::message::{HeaderName, Method, reason_phrase};
use crate::outbox::Outbox;
use crate::transaction::{ClientKey, Concern, Purpose};

/// The media type of what a NOTIFY says (RFC 3420).
const SIPFRAG: &str = "message/sipfrag;version=2.0";

impl Agent {
    /// Tells how far a REFER is. The last status is 200 or above.
    pub(super) fn refer_progress(&mut self, now: Instant, id: UsageId, status: u16, out: &mut Outbox) {
        let is_unanswered = self.referrals.get_mut(id).is_some_and(|referral| referral.server.is_some());
        if is_unanswered {
            self.answer_refer(now, id, 202, out);
        }
        let Some(referral) = self.referrals.get_mut(id) else { return };
        if referral.over.is_some() || !(100..700).contains(&status) {
            return;
        }
        referral.status = status;
        if status >= 200 {
            referral.over = Some("noresource");
        }
        self.notify_referral(now, id, out);
    }

    /// Sends a NOTIFY, or has it sent when the one before it is answered: they must not overtake each other.
    pub(super) fn notify_referral(&mut self, now: Instant, id: UsageId, out: &mut Outbox) {
        let Some(referral) = self.referrals.get_mut(id) else { return };
        if referral.in_flight.is_some() {
            referral.is_due = true;
            return;
        }
        referral.is_due = false;
        let text = NotifyText {
            cseq: referral.cseq,
            status: referral.status,
            over: referral.over,
            expires_s: referral.until.saturating_duration_since(now).as_secs(),
        };
        let concern = (referral.leg.unwrap_or(LegId(id.0)), Purpose::Refer(id));
        let endpoint = &mut self.endpoint;
        let key = match (&mut referral.own, referral.leg.and_then(|leg| self.legs.get_mut(&leg))) {
            (Some(own), _) => Some(text.send(now, &mut own.dialog, &own.user, None, concern, endpoint, out)),
            (None, Some(leg)) => {
                leg.with_dialog(Method::Notify, endpoint, |dialog, user, authorization, endpoint| {
                    text.send(now, dialog, user, authorization, concern, endpoint, out)
                })
            }
            (None, None) => None,
        };
        referral.in_flight = key;
        if key.is_none() {
            self.forget_referral(now, id, out);
        }
    }

    /// The outcome of a NOTIFY: the next one follows, or the subscription is over. A refusal ends it silently.
    pub(super) fn referral_notified(
        &mut self,
        now: Instant,
        id: UsageId,
        concern: Concern,
        status: u16,
        out: &mut Outbox,
    ) {
        let Some(referral) = self.referrals.get_mut(id) else { return };
        if referral.in_flight != Some(concern.key) || status < 200 && !concern.has_lost_stream {
            return;
        }
        referral.in_flight = None;
        if concern.has_lost_stream {
            return self.notify_referral(now, id, out);
        }
        let is_accepted = (200..300).contains(&status);
        match (is_accepted, referral.is_due, referral.over) {
            (true, true, _) => self.notify_referral(now, id, out),
            (true, false, None) => {}
            (true, false, Some(_)) | (false, ..) => self.forget_referral(now, id, out),
        }
    }
}

/// One NOTIFY.
struct NotifyText {
    cseq: u32,
    status: u16,
    over: Option<&'static str>,
    expires_s: u64,
}

impl NotifyText {
    #[expect(clippy::too_many_arguments, reason = "each is one fact of the request")]
    fn send(
        &self,
        now: Instant,
        dialog: &mut Dialog,
        user: &str,
        authorization: Option<(HeaderName, String)>,
        (leg, purpose): (LegId, Purpose),
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) -> ClientKey {
        let Self { cseq, status, over, expires_s } = self;
        let (flow, branch, number) = (endpoint.hop(dialog), endpoint.token(), dialog.sequence().advance());
        let mut notify = endpoint
            .request(dialog, Method::Notify, number, flow, branch)
            .header(HeaderName::Contact, endpoint.contact(flow, user))
            .header(HeaderName::Event, format_args!("refer;id={cseq}"));
        notify = match over {
            Some(reason) => {
                notify.header(HeaderName::SubscriptionState, format_args!("terminated;reason={reason}"))
            }
            None => notify.header(HeaderName::SubscriptionState, format_args!("active;expires={expires_s}")),
        };
        if let Some((name, value)) = authorization {
            notify = notify.header(name, value);
        }
        let body = format!("SIP/2.0 {status} {}\r\n", reason_phrase(*status));
        let key = ClientKey::new(branch, Method::Notify);
        let bytes = notify.body(SIPFRAG, body.as_bytes());
        endpoint.transactions.send(now, key, Method::Notify, bytes, flow, leg, purpose, out);
        key
    }
}
