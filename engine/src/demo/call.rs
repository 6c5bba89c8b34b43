//! One call as the phone sees it.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use rsip::Header;
use trunkline_media::srtp::{Srtp, SrtpKey, SrtpKeys, SrtpSuite};
use trunkline_sip::message::Message;

use super::description::{Description, Direction, OwnDescription};
use super::dialog::Dialog;
use super::phone::Status;

/// One call: its dialog, its session, and what is about to happen to it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: u32,
    pub(super) status: Status,
    pub(super) dialog: Dialog,
    /// The INVITE that is ringing here, and where it came from.
    pub(super) invite: Option<(Message, SocketAddr)>,
    pub(super) own: OwnDescription,
    /// What the other side described last.
    pub(super) remote: Option<Description>,
    /// What is sealed and opened with, by the descriptions of both.
    srtp: Option<Srtp>,
    /// The direction that we described last.
    pub(super) direction: Direction,
    /// Our user holds the other side.
    pub(super) holds: bool,
    /// What `holds` was before our pending re-INVITE.
    pub(super) held_before: bool,
    /// What our pending re-INVITE asks for.
    pub(super) wants: Option<Change>,
    /// When to offer again after a 491.
    pub(super) retry_at: Option<(Instant, Change)>,
    /// When the ringing ends by itself.
    pub(super) ring_ends_at: Option<Instant>,
    /// The status to refuse with at that time; `None`: answer.
    pub(super) refuse_with: Option<u16>,
    /// Hang up as soon as the protocol allows it.
    pub(super) hang_up_wanted: bool,
    /// The ACK of the last 2xx, by sequence number.
    pub(super) ack: Option<(u32, Bytes, SocketAddr)>,
    /// Our 2xx carried the offer: the answer comes in the ACK.
    pub(super) answer_in_ack: bool,
    /// The INVITE carried no offer.
    pub(super) is_late_offer: bool,
    pub(super) is_caller: bool,
    pub(super) was_challenged: bool,
    /// Credentials and other headers of the initial INVITE.
    pub(super) headers: Vec<Header>,
}

/// A change of the session that the user asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    Hold,
    Resume,
    /// Fax in place of audio.
    Fax,
}

impl Call {
    pub(super) const fn new(
        id: u32,
        status: Status,
        dialog: Dialog,
        own: OwnDescription,
        is_caller: bool,
    ) -> Self {
        Self {
            id,
            status,
            dialog,
            invite: None,
            own,
            remote: None,
            srtp: None,
            direction: Direction::SendRecv,
            holds: false,
            held_before: false,
            wants: None,
            retry_at: None,
            ring_ends_at: None,
            refuse_with: None,
            hang_up_wanted: false,
            ack: None,
            answer_in_ack: false,
            is_late_offer: false,
            is_caller,
            was_challenged: false,
            headers: Vec::new(),
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.status, Status::Over(_))
    }

    /// Where the phone's voice goes, if it may be sent and the user is not on hold, and in which of the formats that it knows.
    pub(super) fn speaks_to(&self, early: bool, known: &[u8]) -> Option<(SocketAddr, u8)> {
        let may_speak = match self.status {
            Status::Connected => true,
            Status::Ringing | Status::Ringback => early,
            Status::Idle | Status::Calling | Status::Over(_) => false,
        };
        let remote = self.remote.as_ref()?;
        let is_spoken = |format: &u8| [0, 8].contains(format) && known.contains(format);
        let payload_type = remote.formats.iter().copied().find(is_spoken)?;
        let agreed = self.direction.sends() && remote.direction.receives() && !self.holds;
        remote.audio.filter(|_| may_speak && agreed).map(|to| (to, payload_type))
    }

    /// Takes the keys that both have described.
    pub(super) fn agree_keys(&mut self) {
        match (self.keys(), &mut self.srtp) {
            (Some(keys), Some(srtp)) => srtp.agree(keys),
            (Some(keys), srtp @ None) => *srtp = Some(Srtp::new(keys)),
            (None, srtp) => *srtp = None,
        }
    }

    fn keys(&self) -> Option<SrtpKeys> {
        let own = self.own.key.as_ref()?;
        let theirs = self.remote.as_ref()?.key_for(own)?;
        let suite = SrtpSuite::named(&own.suite)?;
        Some(SrtpKeys { receive: SrtpKey::new(suite, &theirs.key)?, send: SrtpKey::new(suite, &own.key)? })
    }

    /// A packet of its voice as it goes out; `None`: there are no keys for it.
    pub(super) fn seal(&mut self, packet: Bytes) -> Option<Bytes> {
        match &mut self.srtp {
            Some(srtp) => srtp.seal_rtp(&packet).map(Bytes::copy_from_slice),
            None => self.own.key.is_none().then_some(packet),
        }
    }

    /// A packet that came in, in plain; `None` if it is not authentic.
    pub(super) fn open(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let mut packet = packet.to_vec();
        if let Some(srtp) = &mut self.srtp {
            let length = srtp.open_rtp(&mut packet)?;
            packet.truncate(length);
        }
        Some(packet)
    }

    /// When something happens by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.ring_ends_at, self.retry_at.map(|(at, _)| at)].into_iter().flatten().min()
    }
}
