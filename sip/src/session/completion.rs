//! Whether the callee's side offers to tell when a call can be completed (RFC 6910 §6: Call-Info).

use super::Leg;
use crate::message::{HeaderName, Message, NameAddr, Scheme};
use crate::outbox::{COMPLETION_URI_BYTES_MAX, CompletionOffer, Event, Outbox};

impl Leg {
    /// Passes an offer on, if a response to our INVITE makes one.
    pub(super) fn tell_completion(&self, response: &Message, out: &mut Outbox) {
        if let Some(offer) = offer(response) {
            out.events.push(Event::Completable { leg: self.id, offer: Box::new(offer) });
        }
    }
}

/// The first offer that can be used.
fn offer(response: &Message) -> Option<CompletionOffer> {
    response.values(HeaderName::CallInfo).filter_map(NameAddr::parse).find_map(|value| {
        let purpose = value.param("purpose")?;
        let uri = value.parsed_uri()?;
        let is_plain = uri.scheme == Scheme::Sip
            && value.uri.len() <= COMPLETION_URI_BYTES_MAX
            && value.uri.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'<' | b'>'));
        let mode = value.param("m").unwrap_or_default();
        let mode = ["BS", "NR", "NL"].into_iter().find(|known| mode.eq_ignore_ascii_case(known));
        (is_plain && purpose.eq_ignore_ascii_case("call-completion"))
            .then(|| CompletionOffer { uri: value.uri.to_owned(), mode })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};

    fn read(headers: &str) -> Option<CompletionOffer> {
        let text = format!("SIP/2.0 486 Busy Here\r\nCall-ID: c\r\n{headers}Content-Length: 0\r\n\r\n");
        offer(&Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap())
    }

    #[test]
    fn the_offer_stands_in_call_info_among_others() {
        let info =
            "Call-Info: <http://x/y.png>;purpose=icon, <sip:b@pbx;x=1>;purpose=Call-Completion;m=bs\r\n";
        let offered = CompletionOffer { uri: "sip:b@pbx;x=1".to_owned(), mode: Some("BS") };
        assert_eq!(read(info), Some(offered));
        let info = "Call-Info: <sip:b@pbx>;purpose=call-completion;m=XX\r\n";
        assert_eq!(read(info), Some(CompletionOffer { uri: "sip:b@pbx".to_owned(), mode: None }));
    }

    #[test]
    fn what_cannot_be_asked_is_no_offer() {
        let long = "b".repeat(COMPLETION_URI_BYTES_MAX);
        for uri in ["http://pbx/", "sip:b@pbx?Subject=x", "sip:b@pbx;\u{e9}", &format!("sip:{long}@pbx")] {
            assert_eq!(read(&format!("Call-Info: <{uri}>;purpose=call-completion\r\n")), None, "{uri}");
        }
        assert_eq!(read(""), None);
        assert_eq!(read("Call-Info: <sip:b@pbx>\r\n"), None);
    }
}
