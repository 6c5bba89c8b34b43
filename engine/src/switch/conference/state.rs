//! What a conference tells those who watch it (RFC 4575).

use trunkline_sip::outbox::{ConferenceMember, ConferenceState, Party};

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
        let party = |number: &str, name: &str| Party {
            user: number.to_owned(),
            host: self.setup.domain.clone(),
            name: name.to_owned(),
        };
        let leader = ConferenceMember {
            party: party(&parent.caller.number, &parent.caller.name),
            is_held: parent.holds(),
        };
        let calls = conference.members.iter().filter_map(|member| self.calls.get(member));
        let members = calls.map(|call| {
            let far = far_party(call);
            let peer = call.peer.and_then(|peer| self.calls.get(&peer));
            ConferenceMember { party: party(&far.number, &far.name), is_held: peer.is_some_and(Call::holds) }
        });
        let members = std::iter::once(leader).chain(members).collect();
        ConferenceState { focus, members, is_over: false }
    }
}
