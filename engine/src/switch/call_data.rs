//! What travels with a call: call data, user-user information (RFC 7433), media modes, the parameters that it was made with.

use bytes::Bytes;
use trunkline_sip::LegId;
use trunkline_sip::outbox::Command;

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::ids::CallId;
use super::operation::{CallParams, QosLevel};
use super::outbox::Outbox;
use super::request::Asker;
use super::setup::LineKind;
use super::view::MediaMode;

/// `dwMaxCallDataSize`.
pub(crate) const CALL_DATA_BYTES_MAX: usize = 4096;

/// `dwUUI…Size`: what an ISDN carries beside the protocol discriminator.
pub(super) const USER_USER_BYTES_MAX: usize = 128;

impl Switch {
    pub(super) fn can_set_call_data(&self, _call: &Call) -> Result<(), LineError> {
        Ok(())
    }

    /// `lineSetCallData`: every application that holds the call sees it.
    pub(super) fn set_call_data(
        &mut self,
        asker: Asker,
        id: CallId,
        data: Bytes,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        if data.len() > CALL_DATA_BYTES_MAX {
            return Err(LineError::InvalParam);
        }
        asker.done(out);
        if let Some(call) = self.calls.get_mut(&id) {
            call.data = data;
        }
        self.tell_info(id, "calldata", None, out);
        Ok(())
    }

    /// The data of a call that hands its party on goes with the party.
    pub(super) fn carry_data(&mut self, from: CallId, to: CallId, out: &mut Outbox) {
        let data = self.calls.get(&from).map(|call| call.data.clone()).unwrap_or_default();
        let Some(call) = self.calls.get_mut(&to) else { return };
        if !data.is_empty() && call.data != data {
            call.data = data;
            self.tell_info(to, "calldata", None, out);
        }
    }

    pub(super) fn can_send_user_user_info(&self, call: &Call) -> Result<(), LineError> {
        if self.far_leg(call).is_some() || call.peer.is_some() {
            Ok(())
        } else {
            Err(LineError::OperationUnavail)
        }
    }

    /// `lineSendUserUserInfo`: the far side's applications hear of it; a network gets an INFO.
    pub(super) fn send_user_user_info(
        &mut self,
        asker: Asker,
        id: CallId,
        data: Bytes,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        self.check_user_user(Some(&data))?;
        asker.done(out);
        let Some(call) = self.calls.get(&id) else { return Ok(()) };
        if let Some(leg) = self.far_leg(call).filter(|leg| self.is_network(*leg)) {
            out.sip.push(Command::UserToUser(leg, data.clone()));
        }
        if let Some(peer) = call.peer {
            self.take_user_user(peer, data, out);
        }
        Ok(())
    }

    /// Whether user-user information may be sent: not too much of it.
    pub(super) fn check_user_user(&self, data: Option<&Bytes>) -> Result<(), LineError> {
        let fits = data.is_none_or(|data| data.len() <= USER_USER_BYTES_MAX);
        if fits { Ok(()) } else { Err(LineError::UserUserInfoTooBig) }
    }

    /// Puts user-user information into the next message to the far party of a call; its applications hear of it.
    pub(super) fn enclose_far(&mut self, id: CallId, data: Option<Bytes>, out: &mut Outbox) {
        let Some(data) = data.filter(|data| !data.is_empty()) else { return };
        let Some(call) = self.calls.get(&id) else { return };
        let peer = call.peer;
        if let Some(leg) = self.far_leg(call) {
            out.sip.push(Command::Enclose(leg, vec![user_to_user(&data)]));
        }
        if let Some(peer) = peer {
            self.take_user_user(peer, data, out);
        }
    }

    /// User-user information came in on a leg: it is for the other side; where there is none, for the call itself.
    pub(super) fn user_user_came(&mut self, leg: LegId, data: Bytes, out: &mut Outbox) {
        let Some(entry) = self.legs.get(&leg) else { return };
        let id = entry.call;
        let peer = self.calls.get(&id).and_then(|call| call.peer);
        let Some(peer) = peer else {
            self.take_user_user(id, data, out);
            return;
        };
        let onward = self.calls.get(&peer).and_then(|call| call.leg);
        if let Some(onward) = onward.filter(|leg| self.is_network(*leg) && self.is_up(*leg)) {
            out.sip.push(Command::UserToUser(onward, data.clone()));
        }
        self.take_user_user(peer, data, out);
    }

    fn take_user_user(&mut self, id: CallId, mut data: Bytes, out: &mut Outbox) {
        data.truncate(USER_USER_BYTES_MAX);
        if let Some(call) = self.calls.get_mut(&id) {
            call.user_user = data;
        }
        self.tell_info(id, "useruserinfo", None, out);
    }

    pub(super) fn can_set_media_mode(&self, _call: &Call) -> Result<(), LineError> {
        Ok(())
    }

    /// `lineSetMediaMode`: one mode, or several while it is not known.
    pub(super) fn set_media_mode(
        &mut self,
        asker: Asker,
        id: CallId,
        media_modes: Vec<MediaMode>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        check_media_modes(&media_modes)?;
        asker.done(out);
        if let Some(call) = self.calls.get_mut(&id) {
            call.media_modes = media_modes;
        }
        self.tell_info(id, "mediamode", None, out);
        Ok(())
    }

    pub(super) fn can_set_quality_of_service(&self, _call: &Call) -> Result<(), LineError> {
        Ok(())
    }

    /// `lineSetCallQualityOfService`: an IP network promises nothing, so what is needed cannot be had.
    pub(super) fn set_quality_of_service(
        &mut self,
        asker: Asker,
        id: CallId,
        level: QosLevel,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        match level {
            QosLevel::Needed => return Err(LineError::ResourceUnavail),
            QosLevel::IfAvailable | QosLevel::BestEffort => asker.done(out),
        }
        self.tell_info(id, "qos", None, out);
        Ok(())
    }

    /// Takes the parameters that a call is made with.
    pub(super) fn take_params(&mut self, id: CallId, params: &CallParams) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.data.clone_from(&params.call_data);
        call.no_answer_after = params.no_answer_after;
        call.dest_off_hook = params.dest_off_hook;
        call.caller.is_blocked = params.block_id;
        call.is_secure = params.secure;
        call.greeting.clone_from(&params.user_user);
        if let Some(name) = &params.calling_party {
            call.caller.name.clone_from(name);
        }
    }

    /// The leg of the party that a call's line talks with: the other side's station, or the network behind a trunk.
    pub(super) fn far_leg(&self, call: &Call) -> Option<LegId> {
        match call.kind {
            LineKind::Trunk => call.leg,
            LineKind::Phone | LineKind::Local => self.calls.get(&call.peer?)?.leg,
        }
    }

    fn is_network(&self, leg: LegId) -> bool {
        let call = self.legs.get(&leg).and_then(|entry| self.calls.get(&entry.call));
        call.is_some_and(|call| call.kind == LineKind::Trunk)
    }

    pub(super) fn is_up(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(super::leg::Leg::is_up)
    }
}

/// The header of RFC 7433.
pub(super) fn user_to_user(data: &Bytes) -> (&'static str, String) {
    let hexadecimal: String = data.iter().map(|octet| format!("{octet:02x}")).collect();
    ("User-to-User", format!("{hexadecimal};encoding=hex"))
}

/// Exactly one mode, unless it is not known which.
pub(super) fn check_media_modes(modes: &[MediaMode]) -> Result<(), LineError> {
    let fits =
        modes.len() == 1 || (modes.contains(&MediaMode::Unknown) && modes.len() <= MediaMode::ALL.len());
    if fits { Ok(()) } else { Err(LineError::InvalMediaMode) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_user_information_is_written_in_hexadecimal() {
        let header = user_to_user(&Bytes::from_static(b"\x04hi"));
        assert_eq!(header, ("User-to-User", "046869;encoding=hex".to_owned()));
    }

    #[test]
    fn several_media_modes_are_only_for_a_call_that_is_not_known() {
        let voice = MediaMode::InteractiveVoice;
        assert_eq!(check_media_modes(&[voice]), Ok(()));
        assert_eq!(check_media_modes(&[voice, MediaMode::Unknown]), Ok(()));
        assert_eq!(check_media_modes(&[voice, MediaMode::G3Fax]), Err(LineError::InvalMediaMode));
        assert_eq!(check_media_modes(&[]), Err(LineError::InvalMediaMode));
    }
}
