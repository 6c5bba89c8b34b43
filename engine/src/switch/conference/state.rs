//! What a conference tells those who watch it (RFC 4575).

use trunkline_sip::outbox::{ConferenceMember, ConferenceState};

use super::super::Switch;
use super::super::call::Call;
use super::super::ids::CallId;
use super::focus::{far_party, focus_name};

impl Switch {
    /// Who is in the conference: the line that leads it, then its members. One that is not there is over.
    pub(in crate::switch) fn conference_state(&self, id: CallId) -> ConferenceState {
        let focus = focus_name(id);
        let parent = self.calls.get(&id);
        let Some((conference, parent)) = self.conferences.get(&id).zip(parent) else {
            return ConferenceState { focus, members: Vec::new(), is_over: true };
        };
        let domain = &self.setup.domain;
        let leader = ConferenceMember { party: parent.caller.shown(domain), is_held: parent.holds() };
        let calls = conference.members.iter().filter_map(|member| self.calls.get(member));
        let members = calls.map(|call| {
            let peer = call.peer.and_then(|peer| self.calls.get(&peer));
            ConferenceMember { party: far_party(call).shown(domain), is_held: peer.is_some_and(Call::holds) }
        });
        let members = std::iter::once(leader).chain(members).collect();
        ConferenceState { focus, members, is_over: false }
    }
}
