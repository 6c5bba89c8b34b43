//! `multipart/related` with `application/rlmi+xml`: what a list names, and how that is (RFC 4662).
//!
//! ```text
//!   first, after a refresh, after a NOTIFY that failed    fullState="true"   every resource, parts as long as there is room
//!   then, until all have been told                        fullState="false"  the others, at least one
//!   then                                                  fullState="false"  whose part reads differently
//! ```
//!
//! Each part is full state of its resource, with a version of its own. A resource without `instance` is one whose part follows.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::xml::{Escaped, EscapedText};
use super::{Body, Entity, Notice};
use crate::outbox::{Document, ListState, Party};
use crate::token::Token;

/// Resources of one list.
pub const ENTRIES_MAX: usize = 64;

/// Beyond this many bytes of a body the parts of further resources wait for the next NOTIFY, which is sent as soon as this one is
/// answered: by UDP it is what six packets of an Ethernet carry.
pub const BODY_BYTES_MAX: usize = 8_192;

/// The same of the last NOTIFY, which nothing follows: as many lines as a list has, on which nobody talks.
pub const LAST_BYTES_MAX: usize = 6 * BODY_BYTES_MAX;

/// More of a name is not told, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Without it nobody is told of a list (RFC 4662 §4.1).
pub(crate) const OPTION: &str = "eventlist";

/// What a subscriber to a list says that it takes.
pub(crate) const ACCEPTED: [&str; 2] = ["multipart/related", "application/rlmi+xml"];

/// No part can have a line that begins with it.
const BOUNDARY: &str = "trunkline-list";

/// What of a list its subscriber has been told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Whether it knows what the list names.
    is_listed: bool,
    resources: Vec<Resource>,
}

/// What it has been told of one resource.
#[derive(Debug)]
struct Resource {
    user: String,
    name: String,
    /// Of the next part.
    version: u32,
    /// The dialog that was told last.
    last_dialog: u64,
    /// What its part reads like without the version; `None`: it was not told yet.
    part: Option<u64>,
}

/// A body, if there is anything to tell, and whether there is more than had room.
pub(crate) struct Notification {
    pub(crate) body: Option<Body>,
    pub(crate) is_cut: bool,
}

impl Told {
    /// Everything is told again: nobody knows what of it arrived, or the subscriber wants it so.
    pub(crate) fn forget(&mut self) {
        self.is_listed = false;
    }

    /// What there is to tell of a list; what is told counts as known. `tag`: names the subscription in Content-ID. The last time it is all of
    /// it.
    pub(crate) fn print(
        &mut self,
        list: &ListState,
        notice: &Notice<'_>,
        tag: Token,
        is_last: bool,
    ) -> Notification {
        self.is_listed &= !is_last;
        self.follow(list, notice.version);
        let is_full = !self.is_listed;
        let entities: Vec<_> =
            list.entries.iter().map(|entry| resource(&entry.user, notice.entity)).collect();
        let heads: Vec<_> =
            entities.iter().zip(&self.resources).map(|(entity, known)| head(entity, &known.name)).collect();
        let mut room = if is_last { LAST_BYTES_MAX } else { BODY_BYTES_MAX };
        if is_full {
            room = room.saturating_sub(heads.iter().map(|head| head.len() + INSTANCE_BYTES).sum());
        }
        let (mut resources, mut parts, mut is_cut, mut told) = (String::new(), String::new(), false, 0);
        for (number, ((entry, entity), (known, head))) in
            list.entries.iter().zip(&entities).zip(self.resources.iter_mut().zip(&heads)).enumerate()
        {
            let part = |version| {
                let last_dialog = known.last_dialog;
                let notice = Notice { entity, version, last_dialog, ..*notice };
                entry.state.as_ref().map(|state| super::print(state, &notice))
            };
            let reads = digest(part(0).as_deref());
            if !is_full && known.part == Some(reads) {
                continue;
            }
            let body = part(known.version);
            let listed = if is_full { 0 } else { head.len() + INSTANCE_BYTES };
            let size = body.as_ref().map_or(0, |body| listed + body.len() + PART_BYTES);
            let is_first = !is_full && told == 0;
            if size > room && !is_first {
                is_cut = true;
                if is_full {
                    known.part = None;
                    resources += &format!("{head}</resource>\r\n");
                }
                continue;
            }
            room = room.saturating_sub(size);
            told += 1;
            known.part = Some(reads);
            let instance = match body {
                Some(body) => {
                    let id = format!("{tag}.{}.{number}@trunkline", notice.version);
                    let media_type =
                        entry.state.as_ref().map_or("", |state| super::media_type(state, notice.form));
                    write_part(&mut parts, &id, media_type, &body);
                    known.version = known.version.wrapping_add(1);
                    format!("<instance id=\"1\" state=\"active\" cid=\"{id}\"/>")
                }
                None => "<instance id=\"1\" state=\"terminated\" reason=\"noresource\"/>".to_owned(),
            };
            if let Some(Document::Dialogs(dialogs)) = &entry.state
                && let Some(dialog) = dialogs.first()
            {
                known.last_dialog = dialog.id;
            }
            resources += &format!("{head}{instance}</resource>\r\n");
        }
        self.is_listed = true;
        let body = (is_full || told > 0).then(|| whole(list, notice, tag, is_full, &resources, &parts));
        Notification { body, is_cut }
    }

    /// Another list, or the same with other resources: what is still in it keeps its numbers.
    fn follow(&mut self, list: &ListState, version: u32) {
        let name = |name: &str| name[..name.floor_char_boundary(NAME_BYTES_MAX)].to_owned();
        let is_same = self.resources.len() == list.entries.len()
            && self
                .resources
                .iter()
                .zip(&list.entries)
                .all(|(known, entry)| known.user == entry.user && known.name == name(&entry.name));
        if is_same {
            return;
        }
        self.is_listed = false;
        let before = std::mem::take(&mut self.resources);
        let known = |user: &str| before.iter().find(|known| known.user == user);
        let resources = list.entries.iter().take(ENTRIES_MAX).map(|entry| Resource {
            user: entry.user.clone(),
            name: name(&entry.name),
            // Not below what was told of one that left the list and has come back, nor before a restart.
            version: known(&entry.user).map_or(version, |known| known.version),
            last_dialog: known(&entry.user).map_or(0, |known| known.last_dialog),
            part: None,
        });
        self.resources = resources.collect();
    }
}

/// Who a resource is: at the host by which the list was subscribed to, as the keys of phones are.
fn resource(user: &str, list: &Entity) -> Entity {
    let uri = list.uri_of(&Party { user: user.to_owned(), ..Party::default() });
    Entity { uri: uri.into(), host: list.host.clone() }
}

fn head(entity: &Entity, name: &str) -> String {
    let name = match name {
        "" => String::new(),
        name => format!("<name>{}</name>", EscapedText(name)),
    };
    format!("<resource uri=\"{}\">{name}", Escaped(&entity.uri))
}

fn digest(part: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    part.hash(&mut hasher);
    hasher.finish()
}

fn write_part(text: &mut String, id: &str, media_type: &str, body: &str) {
    let written = write!(
        text,
        "--{BOUNDARY}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{id}>\r\nContent-Type: {media_type}\r\n\r\n{body}\r\n"
    );
    written.expect("writing to memory");
}

/// The list and its parts. The list is the root, which stands first (RFC 4662 §5, RFC 2387 §3.2).
fn whole(
    list: &ListState,
    notice: &Notice<'_>,
    tag: Token,
    is_full: bool,
    resources: &str,
    parts: &str,
) -> Body {
    let uri = Escaped(&notice.entity.uri);
    let name = match list.name.as_str() {
        "" => String::new(),
        name => {
            format!("<name>{}</name>\r\n", EscapedText(&name[..name.floor_char_boundary(NAME_BYTES_MAX)]))
        }
    };
    let version = notice.version;
    let root = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"{uri}\" \
         version=\"{version}\" fullState=\"{is_full}\">\r\n{name}{resources}</list>\r\n"
    );
    let id = format!("{tag}.{version}@trunkline");
    let mut text = String::with_capacity(root.len() + parts.len() + 512);
    write_part(&mut text, &id, "application/rlmi+xml;charset=\"UTF-8\"", &root);
    text.push_str(parts);
    write!(text, "--{BOUNDARY}--\r\n").expect("writing to memory");
    let content_type =
        format!("multipart/related;type=\"application/rlmi+xml\";start=\"<{id}>\";boundary=\"{BOUNDARY}\"");
    Body { content_type: content_type.into(), text }
}

/// More than an instance has, and the end of its resource.
const INSTANCE_BYTES: usize = 128;

/// More than the lines around a part have.
const PART_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{DialogPhase, DialogState, ListEntry, Package};
    use crate::package::Form;
    use crate::package::tests::entity;

    const TAG: Token = Token { worker: 0, bits: 7 };

    fn entry(user: &str, dialogs: &[u64]) -> ListEntry {
        let dialogs = dialogs.iter().map(|id| DialogState {
            id: *id,
            leg: None,
            phase: DialogPhase::Confirmed,
            is_initiator: false,
            local: Party::default(),
            remote: Party::default(),
            is_held: false,
        });
        let state = Some(Document::Dialogs(dialogs.collect()));
        ListEntry { user: user.to_owned(), name: format!("<{user}>"), state }
    }

    fn list(entries: Vec<ListEntry>) -> ListState {
        ListState { package: Package::Dialog, name: "Desk & door".to_owned(), entries }
    }

    /// A phone's subscription: prints with versions that count up.
    #[derive(Default)]
    struct Subscription {
        told: Told,
        version: u32,
    }

    impl Subscription {
        fn print(&mut self, list: &ListState) -> Option<(Body, bool)> {
            let entity = entity("sip:keys@pbx.example.com:5060");
            let notice = Notice {
                entity: &entity,
                version: self.version,
                last_dialog: 0,
                form: Form::Usual,
                dialog_of: &|_| None,
            };
            let Notification { body, is_cut } = self.told.print(list, &notice, TAG, false);
            self.version += u32::from(body.is_some());
            body.map(|body| (body, is_cut))
        }

        /// `full 1001/0 1002`: which resources are named, with the versions of their parts.
        fn words(&mut self, list: &ListState) -> String {
            let Some((Body { text, .. }, _)) = self.print(list) else { return String::new() };
            let full = if text.contains("fullState=\"true\"") { "full" } else { "partial" };
            let resources = text.split("<resource uri=\"sip:").skip(1).map(|resource| {
                let user = resource.split('@').next().unwrap_or_default();
                let entity = format!("entity=\"sip:{user}@pbx.example.com\"");
                let part = text.split("<dialog-info ").skip(1).find(|part| part.contains(&entity));
                let version = part.and_then(|part| part.split("version=\"").nth(1)).unwrap_or_default();
                let version = version.split('"').next().unwrap_or_default();
                if version.is_empty() { format!(" {user}") } else { format!(" {user}/{version}") }
            });
            full.to_owned() + &resources.collect::<String>()
        }
    }

    #[test]
    fn a_list_is_a_root_and_a_part_for_each_resource() {
        let mut subscription = Subscription::default();
        let mut list = list(vec![entry("1001", &[]), entry("#2", &[4])]);
        list.entries[1].state = None;
        let (Body { content_type, text }, is_cut) = subscription.print(&list).unwrap();
        let tag = TAG.to_string();
        assert_eq!(
            content_type,
            format!(
                "multipart/related;type=\"application/rlmi+xml\";start=\"<{tag}.0@trunkline>\";boundary=\"trunkline-list\""
            )
        );
        let part = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<dialog-info \
                    xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" state=\"full\" \
                    entity=\"sip:1001@pbx.example.com\">\r\n<dialog id=\"d0\"><state>terminated</state></dialog>\r\n\
                    </dialog-info>\r\n";
        let encoding = "Content-Transfer-Encoding: binary\r\n";
        assert_eq!(
            text,
            format!(
                "--trunkline-list\r\n{encoding}Content-ID: <{tag}.0@trunkline>\r\n\
                 Content-Type: application/rlmi+xml;charset=\"UTF-8\"\r\n\r\n\
                 <?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" \
                 uri=\"sip:keys@pbx.example.com\" version=\"0\" fullState=\"true\">\r\n<name>Desk &amp; door</name>\r\n\
                 <resource uri=\"sip:1001@pbx.example.com\"><name>&lt;1001&gt;</name>\
                 <instance id=\"1\" state=\"active\" cid=\"{tag}.0.0@trunkline\"/></resource>\r\n\
                 <resource uri=\"sip:%232@pbx.example.com\"><name>&lt;#2&gt;</name>\
                 <instance id=\"1\" state=\"terminated\" reason=\"noresource\"/></resource>\r\n</list>\r\n\r\n\
                 --trunkline-list\r\n{encoding}Content-ID: <{tag}.0.0@trunkline>\r\n\
                 Content-Type: application/dialog-info+xml\r\n\r\n{part}\r\n--trunkline-list--\r\n"
            )
        );
        assert!(!is_cut);
    }

    #[test]
    fn what_changed_is_told_and_each_part_counts_by_itself() {
        let mut subscription = Subscription::default();
        let of = |one: &[u64], other: &[u64]| list(vec![entry("1", one), entry("2", other)]);
        assert_eq!(subscription.words(&of(&[], &[])), "full 1/0 2/0");
        assert_eq!(subscription.words(&of(&[], &[])), "", "nothing is new");
        assert_eq!(subscription.words(&of(&[4], &[])), "partial 1/1");
        assert_eq!(subscription.words(&of(&[4], &[5])), "partial 2/1");
        assert_eq!(subscription.words(&of(&[], &[])), "partial 1/2 2/2");
        subscription.told.forget();
        assert_eq!(
            subscription.words(&of(&[], &[])),
            "full 1/3 2/3",
            "asked for, or not known to have arrived"
        );
        let mut gone = of(&[], &[]);
        gone.entries[0].state = None;
        assert_eq!(subscription.words(&gone), "partial 1");
        assert_eq!(subscription.words(&gone), "");
    }

    #[test]
    fn a_line_that_is_idle_shows_its_own_last_dialog_terminated() {
        let mut subscription = Subscription::default();
        subscription.print(&list(vec![entry("1", &[4]), entry("2", &[5])]));
        let (body, _) = subscription.print(&list(vec![entry("1", &[]), entry("2", &[])])).unwrap();
        for id in ["d4", "d5"] {
            assert!(body.text.contains(&format!("<dialog id=\"{id}\"><state>terminated")), "{}", body.text);
        }
    }

    #[test]
    fn another_list_is_told_whole_and_numbers_never_fall() {
        let mut subscription = Subscription { version: 10_007, ..Subscription::default() };
        assert_eq!(subscription.words(&list(vec![entry("1", &[])])), "full 1/10007", "after a restart");
        assert_eq!(
            subscription.words(&list(vec![entry("2", &[]), entry("1", &[])])),
            "full 2/10008 1/10008",
            "one more"
        );
        assert_eq!(subscription.words(&list(vec![entry("2", &[])])), "full 2/10009", "one less");
        let mut renamed = list(vec![entry("2", &[])]);
        renamed.entries[0].name = "Door".to_owned();
        assert_eq!(subscription.words(&renamed), "full 2/10010");
    }

    /// Every resource is told once in the end, no body is longer than the limit, and the first names them all.
    #[test]
    fn what_has_no_room_waits_for_the_next() {
        let mut subscription = Subscription::default();
        let long = |user: usize| ListEntry {
            name: "ü".repeat(99),
            ..entry(&format!("{user:064}"), &[user as u64])
        };
        let list = list((0..ENTRIES_MAX).map(long).collect());
        let (mut told, mut notices) = (0, 0);
        while let Some((Body { text, .. }, is_cut)) = subscription.print(&list) {
            let named = text.matches("<resource ").count();
            let parts = text.matches("<dialog-info ").count();
            assert_eq!(text.contains("fullState=\"true\""), notices == 0);
            assert!(if notices == 0 { named == ENTRIES_MAX } else { named == parts && parts > 0 }, "{text}");
            // Names and addresses of all resources, as long as a configuration can have them.
            let most = if notices == 0 { 3 * BODY_BYTES_MAX } else { BODY_BYTES_MAX + 1_024 };
            assert!(text.len() <= most, "{}", text.len());
            (told, notices) = (told + parts, notices + 1);
            assert_eq!(is_cut, told < ENTRIES_MAX);
        }
        assert_eq!(told, ENTRIES_MAX);
    }

    #[test]
    fn the_last_one_has_room_for_lines_on_which_nobody_talks() {
        let list = list((0..ENTRIES_MAX).map(|user| entry(&format!("{user:04}"), &[])).collect());
        let mut subscription = Subscription::default();
        assert!(subscription.print(&list).unwrap().1, "the first has not");
        let entity = entity("sip:keys@pbx.example.com");
        let notice =
            Notice { entity: &entity, version: 1, last_dialog: 0, form: Form::Usual, dialog_of: &|_| None };
        let Notification { body, is_cut } = subscription.told.print(&list, &notice, TAG, true);
        let text = body.unwrap().text;
        assert_eq!((text.matches("<dialog-info ").count(), is_cut), (ENTRIES_MAX, false), "{}", text.len());
    }

    #[test]
    fn a_part_that_is_longer_than_the_limit_is_told_alone() {
        let mut subscription = Subscription::default();
        let many: Vec<u64> = (0..64).collect();
        let list = list(vec![entry("1", &many), entry("2", &many), entry("3", &[])]);
        let told = [(); 4].map(|()| subscription.words(&list));
        assert_eq!(told, ["full 1 2 3/0", "partial 1/0", "partial 2/0", ""]);
    }
}
