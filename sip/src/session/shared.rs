//! The dialog of a leg as others need it: who names it, and what else lives in it beside the session (RFC 5057).

use std::net::IpAddr;

use super::{Leg, Stage};
use crate::dialog::Dialog;
use crate::endpoint::Endpoint;
use crate::message::{HeaderName, Method, NameAddr};
use crate::package::LegDialog;
use crate::transport::Flow;

impl Leg {
    /// The dialog, named as the peer names it: of several early ones the last.
    pub(crate) fn identity(&self) -> Option<LegDialog> {
        let dialog = match &self.stage {
            Stage::Calling(calling) => calling.forks.last().map(|fork| &fork.dialog),
            Stage::Incoming(_)
            | Stage::Offered { .. }
            | Stage::Established
            | Stage::Leaving(_)
            | Stage::Closing
            | Stage::Over => self.dialog.as_ref(),
        };
        let (call_id, peer_tag) = match (dialog, &self.stage) {
            (Some(dialog), _) => (dialog.identity().0, dialog.remote_tag()),
            (None, Stage::Calling(calling)) => (&*calling.call_id, ""),
            (None, _) => return None,
        };
        Some(LegDialog { call_id: call_id.to_owned(), peer_tag: peer_tag.to_owned(), our_tag: self.tag })
    }

    /// The dialog for another usage of it (RFC 5057), as long as there is a session.
    pub(crate) fn shared_dialog(&mut self) -> Option<&mut Dialog> {
        match &self.stage {
            Stage::Established | Stage::Offered { .. } => self.dialog.as_mut(),
            Stage::Incoming(_) | Stage::Calling(_) | Stage::Leaving(_) | Stage::Closing | Stage::Over => None,
        }
    }

    /// Whether a message with these identities belongs to the leg.
    pub(crate) fn matches(&self, call_id: &str, remote_tag: &str) -> bool {
        match (&self.dialog, &self.stage) {
            (Some(dialog), _) => dialog.matches(call_id, remote_tag),
            (None, Stage::Calling(calling)) => {
                calling.call_id == call_id
                    && (calling.forks.is_empty()
                        || calling.forks.iter().any(|fork| fork.dialog.remote_tag() == remote_tag))
            }
            (None, _) => false,
        }
    }

    /// The dialog with the peer of this tag: the leg's own, or of several early ones that fork's.
    pub(super) fn dialog_with(&mut self, remote_tag: &str) -> Option<&mut Dialog> {
        match (&mut self.dialog, &mut self.stage) {
            (Some(dialog), _) => Some(dialog),
            (None, Stage::Calling(calling)) => {
                let mut dialogs = calling.forks.iter_mut().map(|fork| &mut fork.dialog);
                dialogs.find(|dialog| dialog.remote_tag() == remote_tag)
            }
            (None, _) => None,
        }
    }

    /// Whether the leg has exactly this dialog, confirmed or early.
    pub(crate) fn has_dialog_with(&self, call_id: &str, remote_tag: &str) -> bool {
        match (&self.dialog, &self.stage) {
            (Some(dialog), _) => dialog.matches(call_id, remote_tag),
            (None, Stage::Calling(calling)) => {
                calling.forks.iter().any(|fork| fork.dialog.matches(call_id, remote_tag))
            }
            (None, _) => false,
        }
    }

    /// Why no REFER can be taken: the leg is over, or nobody has answered it.
    pub(crate) const fn refuses_refer(&self) -> Option<u16> {
        match self.stage {
            Stage::Leaving(_) | Stage::Closing | Stage::Over => Some(481),
            Stage::Calling(_) => Some(500),
            Stage::Incoming(_) if self.unannounced.is_some() => Some(500),
            Stage::Incoming(_) | Stage::Offered { .. } | Stage::Established => None,
        }
    }

    /// The user part of our Contact, escaped.
    pub(crate) fn contact_user(&self) -> &str {
        self.focus.as_deref().unwrap_or(&self.user)
    }

    /// The host that the peer speaks from, once there is a dialog.
    pub(crate) fn host(&self) -> Option<IpAddr> {
        self.dialog.as_ref().map(|dialog| dialog.flow().remote.ip().to_canonical())
    }

    /// Who the peer is, and where it speaks from: the line that has proven itself, else the user part of its identity.
    pub(crate) fn remote(&self) -> Option<(String, Flow)> {
        let dialog = self.dialog.as_ref()?;
        if let Some(line) = &self.line {
            return Some((line.to_string(), dialog.flow()));
        }
        let (_, _, remote) = dialog.identity();
        let uri = NameAddr::parse(remote).and_then(|remote| remote.parsed_uri());
        Some((uri.map(|uri| uri.user_unescaped().into_owned()).unwrap_or_default(), dialog.flow()))
    }

    /// Does something with the dialog of a leg that is not over: its own part of a request, with the user part of our
    /// Contact and credentials.
    pub(crate) fn with_dialog<T>(
        &mut self,
        method: Method,
        endpoint: &mut Endpoint,
        act: impl FnOnce(&mut Dialog, &str, Option<(HeaderName, String)>, &mut Endpoint) -> T,
    ) -> Option<T> {
        if self.is_told_over() {
            return None;
        }
        let authorization = self.authorization(method, endpoint);
        Some(act(self.dialog.as_mut()?, &self.user, authorization, endpoint))
    }
}
