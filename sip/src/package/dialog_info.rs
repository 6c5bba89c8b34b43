//! `application/dialog-info+xml`: the dialogs of a line (RFC 4235).

use std::fmt::Write as _;

use quick_xml::events::BytesStart;

use super::xml::{self, Escaped, Node};
use super::{Notice, Unreadable};
use crate::outbox::{DialogPhase, DialogState, Party};

/// More dialogs are neither printed nor read.
pub const DIALOGS_MAX: usize = 64;

/// What a notifier said about the dialogs of somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialogInfo {
    /// Counts the notices of one subscription.
    pub version: u32,
    /// Whether these are all dialogs; else those that changed.
    pub is_full: bool,
    /// The dialogs.
    pub dialogs: Vec<WatchedDialog>,
}

/// One dialog of a watched party.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WatchedDialog {
    /// Names it for as long as it lasts.
    pub id: String,
    /// How far it is.
    pub phase: DialogPhase,
    /// Whether the watched party called.
    pub is_initiator: bool,
}

impl DialogInfo {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Unreadable`], whatever the bytes are.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let mut found: Option<Self> = None;
        let mut is_state = false;
        xml::read(body, |node| match node {
            Node::Open(0, element) => found = Self::of_root(element),
            Node::Open(1, element) if element.local_name().as_ref() == b"dialog" => {
                if let Some(found) = found.as_mut().filter(|found| found.dialogs.len() < DIALOGS_MAX) {
                    found.dialogs.push(WatchedDialog::of(element));
                }
            }
            Node::Open(2, element) => is_state = element.local_name().as_ref() == b"state",
            Node::Text(text) if is_state => {
                let last = found.as_mut().and_then(|found| found.dialogs.last_mut());
                if let (Some(dialog), false) = (last, text.trim().is_empty()) {
                    dialog.phase = phase(text.trim());
                }
            }
            Node::Close(2) => is_state = false,
            Node::Open(..) | Node::Close(_) | Node::Text(_) => {}
        })?;
        found.ok_or(Unreadable::Foreign)
    }

    /// Whether this says that nobody is on the phone there. Only of a full state.
    pub fn is_idle(&self) -> bool {
        self.dialogs.iter().all(|dialog| dialog.phase == DialogPhase::Terminated)
    }

    fn of_root(element: &BytesStart<'_>) -> Option<Self> {
        (element.local_name().as_ref() == b"dialog-info").then(|| Self {
            version: xml::attribute(element, "version")
                .and_then(|version| version.trim().parse().ok())
                .unwrap_or_default(),
            is_full: xml::attribute(element, "state").is_none_or(|state| state != "partial"),
            dialogs: Vec::new(),
        })
    }
}

impl WatchedDialog {
    fn of(element: &BytesStart<'_>) -> Self {
        Self {
            id: xml::attribute(element, "id").unwrap_or_default(),
            // What says nothing is not taken for idle.
            phase: DialogPhase::Confirmed,
            is_initiator: xml::attribute(element, "direction").is_some_and(|value| value == "initiator"),
        }
    }
}

fn phase(word: &str) -> DialogPhase {
    match word {
        "trying" | "proceeding" => DialogPhase::Trying,
        "early" => DialogPhase::Early,
        "terminated" => DialogPhase::Terminated,
        _ => DialogPhase::Confirmed,
    }
}

/// The word for a dialog. The ringback of a call that the watched line made is printed as `confirmed`: many phones
/// blink on any `early` as if somebody called.
const fn word(dialog: &DialogState) -> &'static str {
    match (dialog.phase, dialog.is_initiator) {
        (DialogPhase::Trying, _) => "trying",
        (DialogPhase::Early, false) => "early",
        (DialogPhase::Early, true) | (DialogPhase::Confirmed, _) => "confirmed",
        (DialogPhase::Terminated, _) => "terminated",
    }
}

/// The body. Where there is no dialog, the last one stands there terminated: the lamp of some phones stays on without.
pub(super) fn print(dialogs: &[DialogState], notice: &Notice<'_>) -> String {
    let mut body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" \
         version=\"{}\" state=\"full\" entity=\"{}\">\r\n",
        notice.version,
        Escaped(&notice.entity.uri)
    );
    // A phone with one lamp shows the first: who rings can be picked up.
    let is_ringing = |dialog: &&DialogState| dialog.phase == DialogPhase::Early && !dialog.is_initiator;
    let (ringing, others): (Vec<_>, Vec<_>) = dialogs.iter().partition(is_ringing);
    for dialog in ringing.into_iter().chain(others).take(DIALOGS_MAX) {
        print_dialog(&mut body, dialog, notice);
    }
    if dialogs.is_empty() {
        body.push_str(&format!(
            "<dialog id=\"d{:x}\"><state>terminated</state></dialog>\r\n",
            notice.last_dialog
        ));
    }
    body.push_str("</dialog-info>\r\n");
    body
}

/// More of a party's user, host or name is not told, in bytes: a caller may have chosen them so that no NOTIFY is small enough.
const PARTY_BYTES_MAX: usize = 128;

/// A dialog whose Call-ID and tag are longer together is not named, in bytes; nobody can pick it up by Replaces.
const IDENTITY_BYTES_MAX: usize = 512;

fn print_dialog(body: &mut String, dialog: &DialogState, notice: &Notice<'_>) {
    let named = dialog.leg.and_then(notice.dialog_of);
    let named = named.filter(|leg| leg.call_id.len() + leg.peer_tag.len() <= IDENTITY_BYTES_MAX);
    let identity = named.map(|leg| {
        let call_id = format!(" call-id=\"{}\"", Escaped(&leg.call_id));
        let local_tag = if leg.peer_tag.is_empty() {
            String::new()
        } else {
            format!(" local-tag=\"{}\"", Escaped(&leg.peer_tag))
        };
        format!("{call_id}{local_tag} remote-tag=\"{}\"", leg.our_tag)
    });
    let direction = if dialog.is_initiator { "initiator" } else { "recipient" };
    let written = write!(
        body,
        "<dialog id=\"d{:x}\"{} direction=\"{direction}\">\r\n<state>{}</state>\r\n",
        dialog.id,
        identity.unwrap_or_default(),
        word(dialog)
    );
    written.expect("writing to memory");
    // In the order of the schema (RFC 4235 §4.4).
    print_party(body, "local", &dialog.local, Some(dialog.is_held), notice);
    print_party(body, "remote", &dialog.remote, None, notice);
    body.push_str("</dialog>\r\n");
}

fn print_party(body: &mut String, side: &str, party: &Party, is_held: Option<bool>, notice: &Notice<'_>) {
    let cut = |text: &str| text[..text.floor_char_boundary(PARTY_BYTES_MAX)].to_owned();
    let is_long = [&party.user, &party.host, &party.name].iter().any(|text| text.len() > PARTY_BYTES_MAX);
    let short =
        is_long.then(|| Party { user: cut(&party.user), host: cut(&party.host), name: cut(&party.name) });
    let party = short.as_ref().unwrap_or(party);
    let uri = notice.entity.uri_of(party);
    let uri = Escaped(&uri);
    let display =
        if party.name.is_empty() { String::new() } else { format!(" display=\"{}\"", Escaped(&party.name)) };
    let rendering = match is_held {
        Some(is_held) => format!(
            "<target uri=\"{uri}\"><param pname=\"+sip.rendering\" pvalue=\"{}\"/></target>",
            if is_held { "no" } else { "yes" }
        ),
        None => format!("<target uri=\"{uri}\"/>"),
    };
    let written = write!(body, "<{side}><identity{display}>{uri}</identity>{rendering}</{side}>\r\n");
    written.expect("writing to memory");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::LegId;
    use crate::package::tests::entity;
    use crate::package::{Entity, Form, LegDialog};
    use crate::token::Token;

    fn dialog(phase: DialogPhase) -> DialogState {
        let party = |user: &str, name: &str| Party {
            user: user.to_owned(),
            host: "pbx.example.com".to_owned(),
            name: name.to_owned(),
        };
        DialogState {
            id: 0xa5,
            leg: Some(LegId(7)),
            phase,
            is_initiator: false,
            local: party("102", "Bob"),
            remote: party("100", "Al <\"&\">"),
            is_held: false,
        }
    }

    fn known(leg: LegId) -> Option<LegDialog> {
        (leg == LegId(7)).then(|| LegDialog {
            call_id: "ci<2".to_owned(),
            peer_tag: "tP".to_owned(),
            our_tag: Token { worker: 0, bits: 1 },
        })
    }

    fn printed(dialogs: &[DialogState], entity: &Entity) -> String {
        print(
            dialogs,
            &Notice { entity, version: 7, last_dialog: 0xa4, form: Form::Usual, dialog_of: &known },
        )
    }

    #[test]
    fn a_dialog_says_all_that_a_phone_needs_to_show_it_and_to_pick_it_up() {
        let body = printed(&[dialog(DialogPhase::Early)], &entity("sip:102@pbx.example.com:5060"));
        assert_eq!(
            body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
             <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"7\" state=\"full\" \
             entity=\"sip:102@pbx.example.com\">\r\n\
             <dialog id=\"da5\" call-id=\"ci&lt;2\" local-tag=\"tP\" remote-tag=\"00000000000000000001\" \
             direction=\"recipient\">\r\n\
             <state>early</state>\r\n\
             <local><identity display=\"Bob\">sip:102@pbx.example.com</identity>\
             <target uri=\"sip:102@pbx.example.com\"><param pname=\"+sip.rendering\" pvalue=\"yes\"/></target></local>\r\n\
             <remote><identity display=\"Al &lt;&quot;&amp;&quot;&gt;\">sip:100@pbx.example.com</identity>\
             <target uri=\"sip:100@pbx.example.com\"/></remote>\r\n\
             </dialog>\r\n</dialog-info>\r\n"
        );
    }

    #[test]
    fn who_rings_stands_before_who_talks() {
        let talking = DialogState { id: 1, ..dialog(DialogPhase::Confirmed) };
        let calling = DialogState { id: 2, is_initiator: true, ..dialog(DialogPhase::Early) };
        let body = printed(&[talking, calling, dialog(DialogPhase::Early)], &entity("sip:102@pbx"));
        let read = DialogInfo::parse(body.as_bytes()).unwrap();
        assert_eq!(read.dialogs.iter().map(|dialog| &*dialog.id).collect::<Vec<_>>(), ["da5", "d1", "d2"]);
    }

    #[test]
    fn a_leg_of_another_worker_is_told_by_its_id_alone() {
        let elsewhere = DialogState { leg: Some(LegId(8)), ..dialog(DialogPhase::Confirmed) };
        let body = printed(&[elsewhere], &entity("sip:102@pbx"));
        assert!(body.contains("<dialog id=\"da5\" direction"), "{body}");
    }

    #[test]
    fn an_idle_line_shows_its_last_dialog_terminated() {
        let body = printed(&[], &entity("sip:102@pbx"));
        assert!(body.contains("<dialog id=\"da4\"><state>terminated</state></dialog>"), "{body}");
        assert!(DialogInfo::parse(body.as_bytes()).unwrap().is_idle());
    }

    #[test]
    fn ringback_of_an_own_call_does_not_look_like_ringing() {
        let own = DialogState { is_initiator: true, ..dialog(DialogPhase::Early) };
        assert!(printed(&[own], &entity("sip:102@pbx")).contains("<state>confirmed</state>"));
    }

    #[test]
    fn a_held_call_is_not_rendered() {
        let held = DialogState { is_held: true, ..dialog(DialogPhase::Confirmed) };
        assert!(printed(&[held], &entity("sip:102@pbx")).contains("pname=\"+sip.rendering\" pvalue=\"no\""));
    }

    #[test]
    fn what_is_printed_reads_back() {
        for phase in
            [DialogPhase::Trying, DialogPhase::Early, DialogPhase::Confirmed, DialogPhase::Terminated]
        {
            let body = printed(&[dialog(phase)], &entity("sip:102@pbx"));
            let info = DialogInfo::parse(body.as_bytes()).unwrap();
            let expected = WatchedDialog { id: "da5".to_owned(), phase, is_initiator: false };
            assert_eq!((info.version, info.is_full, &info.dialogs[..]), (7, true, &[expected][..]));
            assert_eq!(info.is_idle(), phase == DialogPhase::Terminated);
        }
    }

    #[test]
    fn dialogs_of_others_are_read_with_prefixes_and_without_what_is_optional() {
        let info = DialogInfo::parse(
            b"<?xml version=\"1.0\"?>\n<di:dialog-info xmlns:di=\"urn:ietf:params:xml:ns:dialog-info\" version=\"3\" \
              state=\"partial\" entity=\"sip:a@b\">\n <di:dialog id=\"1\" direction=\"initiator\">\n  <di:state \
              event=\"local-bye\">\n terminated </di:state>\n <di:remote><di:state>early</di:state></di:remote></di:dialog>\
              <di:dialog id=\"2\"/></di:dialog-info>",
        )
        .unwrap();
        assert!(!info.is_full && !info.is_idle());
        let seen: Vec<_> =
            info.dialogs.iter().map(|dialog| (&*dialog.id, dialog.phase, dialog.is_initiator)).collect();
        assert_eq!(seen, [("1", DialogPhase::Terminated, true), ("2", DialogPhase::Confirmed, false)]);
    }

    #[test]
    fn another_document_is_foreign_and_no_more_than_the_limit_is_kept() {
        assert_eq!(DialogInfo::parse(b"<presence/>"), Err(Unreadable::Foreign));
        let many = format!("<dialog-info>{}</dialog-info>", "<dialog id=\"x\"/>".repeat(DIALOGS_MAX + 9));
        assert_eq!(DialogInfo::parse(many.as_bytes()).unwrap().dialogs.len(), DIALOGS_MAX);
        let states = vec![dialog(DialogPhase::Early); DIALOGS_MAX + 9];
        assert_eq!(printed(&states, &entity("sip:a@b")).matches("<dialog id").count(), DIALOGS_MAX);
    }

    #[test]
    fn what_a_caller_chose_makes_no_document_too_long() {
        let mut state = dialog(DialogPhase::Early);
        let long = "&".repeat(10_000);
        state.remote = Party { user: long.clone(), host: long.clone(), name: long.clone() };
        let entity = entity("sip:102@pbx");
        let dialog_of = |_| Some(LegDialog { call_id: long.clone(), ..known(LegId(7)).unwrap() });
        let notice =
            Notice { entity: &entity, version: 0, last_dialog: 0, form: Form::Usual, dialog_of: &dialog_of };
        let body = print(&[state], &notice);
        assert!(body.len() < 8_192 && !body.contains("call-id"), "{}", body.len());
        assert!(body.contains(&"&amp;".repeat(PARTY_BYTES_MAX)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            for prefix in [&b""[..], b"<dialog-info><dialog id=\"", b"<dialog-info><dialog><state>"] {
                let read = DialogInfo::parse(&[prefix, &bytes].concat());
                prop_assert!(read.is_err() || read.unwrap().dialogs.len() <= DIALOGS_MAX);
            }
        }

        #[test]
        fn any_name_is_printed_well_formed(user in ".*", name in ".*", call_id in ".*") {
            let mut state = dialog(DialogPhase::Early);
            state.remote = Party { user, host: String::new(), name };
            let entity = entity("sip:102@pbx");
            let dialog_of = |_| Some(LegDialog { call_id: call_id.clone(), ..known(LegId(7)).unwrap() });
            let notice = Notice { entity: &entity, version: 0, last_dialog: 0, form: Form::Usual, dialog_of: &dialog_of };
            let body = print(&[state], &notice);
            prop_assert_eq!(DialogInfo::parse(body.as_bytes()).unwrap().dialogs.len(), 1);
        }
    }
}
