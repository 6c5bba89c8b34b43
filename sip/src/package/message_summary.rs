//! `application/simple-message-summary`: how many messages there are (RFC 3842).

use super::{BODY_BYTES_MAX, Notice, Unreadable};
use crate::message::Uri;
use crate::outbox::{MessageCounts, Party};

/// More messages of one kind are not counted: a phone shows four digits.
pub const COUNT_MAX: u16 = 9_999;

/// Further lines of a summary are not read: there is one for each kind of message.
const LINES_MAX: usize = 32;

/// A longer account is not heard, in bytes.
const ACCOUNT_BYTES_MAX: usize = 64;

/// What somebody said about a mailbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageSummary {
    /// The voice messages. Without a count of them: whether there are messages at all.
    pub counts: MessageCounts,
    /// The user part of `Message-Account`, unescaped, if it has one of at most 64 bytes.
    pub account: Option<String>,
}

impl MessageSummary {
    /// Reads a body. What is said of each message by itself is left out.
    ///
    /// # Errors
    /// [`Unreadable`], whatever the bytes are.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        if body.len() > BODY_BYTES_MAX {
            return Err(Unreadable::TooLong);
        }
        let text = std::str::from_utf8(body).map_err(|_| Unreadable::Malformed)?;
        let (mut is_waiting, mut account, mut counts) = (None, None, MessageCounts::default());
        for line in text.lines().take_while(|line| !line.trim().is_empty()).take(LINES_MAX) {
            let (name, value) = line.split_once(':').ok_or(Unreadable::Malformed)?;
            let (name, value) = (name.trim(), value.trim());
            if name.eq_ignore_ascii_case("Messages-Waiting") {
                is_waiting = Some(match value {
                    _ if value.eq_ignore_ascii_case("yes") => true,
                    _ if value.eq_ignore_ascii_case("no") => false,
                    _ => return Err(Unreadable::Malformed),
                });
            } else if name.eq_ignore_ascii_case("Message-Account") {
                let uri = Uri::parse(value.trim_matches(['<', '>']));
                let user = uri.map(|uri| uri.user_unescaped().into_owned()).unwrap_or_default();
                account = (1..=ACCOUNT_BYTES_MAX).contains(&user.len()).then_some(user);
            } else if name.eq_ignore_ascii_case("Voice-Message") {
                counts = voice(value).ok_or(Unreadable::Malformed)?;
            }
        }
        let is_waiting = is_waiting.ok_or(Unreadable::Foreign)?;
        Ok(Self { counts: MessageCounts { is_waiting, ..counts }, account })
    }
}

/// `2/8 (0/1)`: new and old ones, and how many of them are urgent.
fn voice(value: &str) -> Option<MessageCounts> {
    let (all, urgent) = match value.split_once('(') {
        Some((all, urgent)) => (all, urgent.trim_end().strip_suffix(')')?),
        None => (value, "0/0"),
    };
    let (new, old) = pair(all)?;
    let (urgent_new, urgent_old) = pair(urgent)?;
    let counts = MessageCounts { is_waiting: false, new, old, urgent_new, urgent_old };
    Some(MessageCounts { urgent_new: urgent_new.min(new), urgent_old: urgent_old.min(old), ..counts })
}

fn pair(text: &str) -> Option<(u16, u16)> {
    let (new, old) = text.split_once('/')?;
    Some((count(new.trim())?, count(old.trim())?))
}

fn count(digits: &str) -> Option<u16> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().map_or(COUNT_MAX, |count: u16| count.min(COUNT_MAX)))
}

/// The body. Whoever knows only that there are messages says no number.
pub(super) fn print(counts: &MessageCounts, account: Option<&str>, notice: &Notice<'_>) -> String {
    let MessageCounts { is_waiting, new, old, urgent_new, urgent_old } = *counts;
    let mut body = format!("Messages-Waiting: {}\r\n", if is_waiting { "yes" } else { "no" });
    if let Some(account) = account {
        let party = Party { user: account.to_owned(), ..Party::default() };
        body += &format!("Message-Account: {}\r\n", notice.entity.uri_of(&party));
    }
    if !is_waiting || new > 0 || old > 0 {
        body += &format!("Voice-Message: {new}/{old} ({urgent_new}/{urgent_old})\r\n");
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Form;
    use crate::package::tests::entity;

    const fn counts(is_waiting: bool, [new, old, urgent_new, urgent_old]: [u16; 4]) -> MessageCounts {
        MessageCounts { is_waiting, new, old, urgent_new, urgent_old }
    }

    fn printed(counts: &MessageCounts, account: Option<&str>) -> String {
        let entity = entity("sip:101@pbx:5060");
        let notice =
            Notice { entity: &entity, version: 0, last_dialog: 0, form: Form::Usual, dialog_of: &|_| None };
        print(counts, account, &notice)
    }

    #[test]
    fn a_summary_says_how_many_and_what_to_dial() {
        assert_eq!(
            printed(&counts(true, [2, 8, 0, 1]), Some("*97")),
            "Messages-Waiting: yes\r\nMessage-Account: sip:*97@pbx\r\nVoice-Message: 2/8 (0/1)\r\n"
        );
        assert_eq!(
            printed(&MessageCounts::default(), None),
            "Messages-Waiting: no\r\nVoice-Message: 0/0 (0/0)\r\n"
        );
        assert_eq!(printed(&counts(true, [0; 4]), None), "Messages-Waiting: yes\r\n");
    }

    #[test]
    fn a_summary_reads_back_as_it_prints() {
        for counts in [counts(true, [2, 8, 0, 1]), counts(true, [0; 4]), counts(false, [0, 9999, 0, 0])] {
            let read = MessageSummary::parse(printed(&counts, Some("*97")).as_bytes());
            assert_eq!(read, Ok(MessageSummary { counts, account: Some("*97".to_owned()) }));
        }
    }

    /// RFC 3842 §5.2, and what Asterisk and FreeSWITCH write.
    #[test]
    fn what_others_write_is_read() {
        let read = |body: &str| MessageSummary::parse(body.as_bytes()).map(|read| read.counts);
        for (body, expected) in [
            ("messages-waiting: YES\n", counts(true, [0; 4])),
            (
                "Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-Message: 2/8 (0/2)\r\n\
                 \r\nTo: <alice@atlanta.example.com>\r\nSubject: carpool tomorrow\r\n",
                counts(true, [2, 8, 0, 2]),
            ),
            ("Messages-Waiting: yes\r\nVoice-Message: 4/8\r\nFax-Message: x\r\n", counts(true, [4, 8, 0, 0])),
            ("Messages-Waiting:no\r\nVoice-Message : 0 / 3 ( 0 / 7 )\r\n", counts(false, [0, 3, 0, 3])),
            ("Messages-Waiting: yes\r\nVoice-Message: 99999999999/1\r\n", counts(true, [COUNT_MAX, 1, 0, 0])),
        ] {
            assert_eq!(read(body), Ok(expected), "{body}");
        }
        let account = |uri: &str| {
            let body = format!("Messages-Waiting: no\r\nMessage-Account: {uri}\r\n");
            MessageSummary::parse(body.as_bytes()).unwrap().account
        };
        assert_eq!(account("<sip:%31001@vm>").as_deref(), Some("1001"));
        assert_eq!((account("sip:vm"), account("voicemail")), (None, None));
        assert_eq!(account(&format!("sip:{}@vm", "1".repeat(ACCOUNT_BYTES_MAX + 1))), None);
    }

    #[test]
    fn what_is_no_summary_is_not_read() {
        for body in [
            "",
            "hello",
            "Voice-Message: 1/0",
            "Messages-Waiting: maybe",
            "Messages-Waiting: yes\r\nVoice-Message: 1",
            "Messages-Waiting: yes\r\nVoice-Message: -1/0",
            "Messages-Waiting: yes\r\nVoice-Message: 1/0 (1",
            "Messages-Waiting: yes\r\nVoice-Message: / (/)",
        ] {
            assert!(MessageSummary::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert_eq!(MessageSummary::parse(b"Messages-Waiting: \xff"), Err(Unreadable::Malformed));
        assert_eq!(MessageSummary::parse(&vec![b'a'; BODY_BYTES_MAX + 1]), Err(Unreadable::TooLong));
    }
}
