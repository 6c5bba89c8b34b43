//! The phone's registration (RFC 3261 §10.2).

use std::time::{Duration, Instant};

use rsip::Header;
use rsip::headers::{Expires, Supported, UntypedHeader};
use trunkline_sip::message::{HeaderName, Message, Method};

use super::dialog::Dialog;
use super::phone::{Notice, Phone, PhoneOutbox};
use super::transaction::Purpose;
use super::wire;

/// What the phone knows of its registration.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) is_registered: bool,
    pub(super) refresh_at: Option<Instant>,
    dialog: Option<Dialog>,
    call_id: String,
    expires_s: u32,
    was_challenged: bool,
    /// The Contact value to send instead of the phone's own: `*`.
    contact: Option<String>,
    /// The address of this device, as a name-addr, if the registrar gave one.
    pub(super) gruu: Option<String>,
}

impl Registration {
    pub(super) const fn new(call_id: String) -> Self {
        Self {
            is_registered: false,
            refresh_at: None,
            dialog: None,
            call_id,
            expires_s: 0,
            was_challenged: false,
            contact: None,
            gruu: None,
        }
    }
}

impl Phone {
    /// Registers, or refreshes the registration.
    pub fn register(&mut self, now: Instant, out: &mut PhoneOutbox) {
        self.begin_registration(now, self.script.expires_s, None, out);
    }

    /// Removes its binding.
    pub fn unregister(&mut self, now: Instant, out: &mut PhoneOutbox) {
        self.begin_registration(now, 0, None, out);
    }

    /// Removes every binding of its address: `Contact: *`.
    pub fn unregister_all(&mut self, now: Instant, out: &mut PhoneOutbox) {
        self.begin_registration(now, 0, Some("*".to_owned()), out);
    }

    fn begin_registration(
        &mut self,
        now: Instant,
        expires_s: u32,
        contact: Option<String>,
        out: &mut PhoneOutbox,
    ) {
        self.registration.expires_s = expires_s;
        self.registration.refresh_at = None;
        self.registration.was_challenged = false;
        self.registration.contact = contact;
        if self.registration.dialog.is_none() {
            let domain = &self.config.domain;
            let aor = format!("<sip:{}@{domain}>", self.config.user);
            let target = format!("sip:{domain}");
            let call_id = self.registration.call_id.clone();
            let tag = self.tag();
            self.registration.dialog = Some(Dialog::outgoing(call_id, (aor.clone(), tag), &aor, &target));
        }
        self.send_register(now, None, out);
    }

    fn send_register(&mut self, now: Instant, credentials: Option<Header>, out: &mut PhoneOutbox) {
        let branch = self.branch();
        let via = self.via(&branch);
        let instance = self.script.instance.as_ref();
        let whole = || match instance {
            Some(instance) => format!("{};+sip.instance=\"<{instance}>\"", self.place()),
            None => self.place(),
        };
        let contact = self.registration.contact.clone().unwrap_or_else(whole);
        let supported = instance.map(|_| Header::Supported(Supported::new("gruu")));
        let Some(dialog) = &mut self.registration.dialog else { return };
        dialog.cseq += 1;
        let mut headers = vec![Expires::new(self.registration.expires_s.to_string()).into()];
        headers.extend(supported);
        headers.extend(credentials);
        let key = (Method::Register, dialog.cseq);
        let request = wire::request(key, dialog, via, Some(contact), headers, "");
        let to = self.config.server;
        self.begin(now, (branch, Method::Register), (Purpose::Register, 0), (request, to), out);
    }

    /// A final response to REGISTER.
    pub(super) fn registered(&mut self, now: Instant, response: &Message, out: &mut PhoneOutbox) {
        let last = self.registration.dialog.as_ref().map(|dialog| dialog.cseq);
        if last != Some(response.cseq().number) {
            // The user has asked for something else since.
            return;
        }
        let status = response.status();
        if status == 401 && !self.registration.was_challenged {
            self.registration.was_challenged = true;
            let uri = format!("sip:{}", self.config.domain);
            if let Some(credentials) = self.credentials(response, Method::Register, &uri) {
                return self.send_register(now, Some(credentials), out);
            }
        }
        if status == 423
            && let Some(least) =
                response.value(HeaderName::MinExpires).and_then(|value| value.trim().parse().ok())
            && least > self.registration.expires_s
        {
            self.script.expires_s = least;
            return self.begin_registration(now, least, None, out);
        }
        if !(200..300).contains(&status) {
            self.registration.is_registered = false;
            out.notices.push(Notice::RegistrationFailed(status));
            return;
        }
        let own = self.place();
        let listed = response.contacts().find(|contact| own.trim_matches(['<', '>']) == contact.uri);
        let granted = listed.and_then(|contact| contact.param("expires")?.parse::<u32>().ok());
        let gruu = listed.and_then(|contact| contact.param("pub-gruu"));
        self.registration.gruu = gruu.map(|gruu| format!("<{}>", gruu.trim_matches('"')));
        if self.registration.expires_s == 0 {
            self.registration.is_registered = false;
            out.notices.push(Notice::Unregistered);
        } else if let Some(granted_s) = granted {
            self.registration.is_registered = true;
            self.registration.refresh_at = Some(now + Duration::from_secs(u64::from(granted_s)) * 9 / 10);
            out.notices.push(Notice::Registered);
        } else {
            self.complain("the 200 to REGISTER does not list the Contact as sent".to_owned());
        }
    }
}
