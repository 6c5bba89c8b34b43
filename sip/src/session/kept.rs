//! What of a leg outlives the process: told to the store when it is answered, when its session changes, and when it is over.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::description::LocalDescription;
use super::refresh::SessionTimer;
use super::{Leg, Role, Stage};
use crate::auth::{ClientAuth, Credentials};
use crate::dialog::{Dialog, DialogChange, KeptDialog};
use crate::endpoint::Endpoint;
use crate::ids::LegId;

/// Within how many milliseconds sessions that we refresh are refreshed after they were taken back: all of them at once would
/// be a storm.
const REFRESH_MS: (u32, u32) = (5_000, 30_000);

/// What is different when a leg is to be kept anew. Sequence numbers are only where they outrun the margin they are kept with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    revision: u32,
    requests: u32,
    version: (u64, bool),
    timer: Option<(u32, bool)>,
    takes_update: bool,
}

impl Leg {
    /// What the store is to know of what happened to the leg.
    pub(crate) fn dialog_change(&mut self) -> Option<DialogChange> {
        match self.stage {
            Stage::Over => self.kept.take().map(|_| DialogChange::Remove(self.id)),
            Stage::Established => {
                let mark = self.mark()?;
                let is_kept = self.kept.replace(mark) == Some(mark);
                if is_kept { None } else { Some(DialogChange::Put(self.id, Box::new(self.keep()?))) }
            }
            // One whose BYE is not answered is ended once more after a crash.
            Stage::Incoming(_)
            | Stage::Calling(_)
            | Stage::Offered { .. }
            | Stage::Leaving(_)
            | Stage::Closing => None,
        }
    }

    fn mark(&self) -> Option<Mark> {
        let dialog = self.dialog.as_ref()?;
        Some(Mark {
            revision: dialog.revision(),
            requests: dialog.requests(),
            version: self.local.version(),
            timer: self.timer.as_ref().map(SessionTimer::keep),
            takes_update: self.peer_takes_update,
        })
    }

    fn keep(&self) -> Option<KeptDialog> {
        let dialog = self.dialog.as_ref()?;
        let (origin, description) = self.local.keep();
        let mut kept = KeptDialog {
            is_caller: self.role == Role::Uac,
            tag: self.tag,
            call_id: String::new(),
            local: String::new(),
            remote: String::new(),
            remote_tag: String::new(),
            target: String::new(),
            routes: Vec::new(),
            local_cseq: 0,
            remote_cseq: None,
            flow: dialog.flow(),
            user: self.user.to_string(),
            origin,
            // What is kept must not hold on to the message that it came from.
            description: Bytes::copy_from_slice(&description),
            timer: self.timer.as_ref().map(SessionTimer::keep),
            takes_update: self.peer_takes_update,
        };
        dialog.keep(&mut kept);
        Some(kept)
    }

    /// A leg as it was kept: answered, acknowledged, and with nothing under way. `credentials` answer
    /// challenges of the peer whose host stands beside them: the kept target is what the far end named.
    pub(crate) fn restored(
        now: Instant,
        id: LegId,
        kept: &KeptDialog,
        credentials: Option<(Arc<Credentials>, IpAddr)>,
        endpoint: &mut Endpoint,
    ) -> Self {
        let role = if kept.is_caller { Role::Uac } else { Role::Uas };
        let refresh_ms = endpoint.between(REFRESH_MS.0, REFRESH_MS.1);
        let refresh = Duration::from_millis(u64::from(refresh_ms));
        let mut leg = Self::new(id, role, Stage::Established, "", endpoint);
        leg.tag = kept.tag;
        leg.dialog = Some(Dialog::restored(kept));
        leg.local = LocalDescription::restored(kept.origin, kept.description.clone());
        leg.user = kept.user.as_str().into();
        leg.auth = credentials.map(|(credentials, peer)| Box::new(ClientAuth::for_peer(credentials, peer)));
        leg.timer =
            kept.timer.map(|(interval_s, is_ours)| SessionTimer::restored(now, interval_s, is_ours, refresh));
        leg.peer_takes_update = kept.takes_update;
        // Its numbers have used up their margin: after another crash they would be said again.
        leg.kept = leg.mark().map(|mark| Mark { requests: kept.requests(), ..mark });
        leg
    }
}
