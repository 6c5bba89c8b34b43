//! ICE towards far ends that offer it, and browsers: the engine is a lite agent (RFC 8445 §2.5), and the relay answers the checks.

use bytes::Bytes;
use rand::Rng;
use rand::distr::Alphanumeric;
use rand::rngs::StdRng;
use trunkline_media::IceCredentials;
use trunkline_sip::sdp::{Ice, OwnIce, SessionDescription};

use super::session::{audio, stream};
use super::streams::StreamKind;

/// The ICE session of a leg. Both sides are put aside: few legs have one.
#[derive(Clone, Debug)]
pub(super) struct IceSession {
    /// `None` until the far end answers our offer.
    theirs: Option<Box<Ice>>,
    ours: Box<Ice>,
}

impl IceSession {
    /// What is kept over a crash: name and password of the far end, then ours.
    pub(super) fn keep(&self) -> Option<[Bytes; 4]> {
        let Self { theirs, ours } = self;
        let theirs = theirs.as_deref()?;
        Some([&theirs.ufrag, &theirs.password, &ours.ufrag, &ours.password].map(Bytes::clone))
    }

    /// The session as it was kept; our description is one of it again.
    pub(super) fn restored(
        [name, password, own_name, own_password]: [Bytes; 4],
        ours: &mut SessionDescription,
    ) -> Self {
        let session = Self {
            theirs: Some(Box::new(Ice { ufrag: name, password })),
            ours: Box::new(Ice { ufrag: own_name, password: own_password }),
        };
        if let Some(index) = audio(ours) {
            ours.media[index].ice = Some(OwnIce::Lite(session.ours.clone()));
        }
        session
    }
}

/// Takes part in ICE where the offer does. The engine's credentials stay for as long as the far end keeps its own: others
/// are a restart (RFC 8445 §9).
pub(super) fn take_part(
    session: &mut Option<IceSession>,
    rng: &mut StdRng,
    offer: &SessionDescription,
    answer: &mut SessionDescription,
) {
    let Some(index) = audio(answer) else { return };
    answer.media[index].ice = match offer.ice(index) {
        Some(theirs) => {
            let same = session.take().filter(|session| session.theirs.as_deref() == Some(&theirs));
            let session = session.insert(same.unwrap_or_else(|| begin(rng, Some(theirs))));
            Some(OwnIce::Lite(session.ours.clone()))
        }
        None => {
            *session = None;
            offer.is_ice_mismatch(index).then_some(OwnIce::Mismatch)
        }
    };
    // The name and password of audio do for what is beside it.
    for kind in StreamKind::ALL {
        let Some(index) = stream(answer, kind) else { continue };
        let ours = session.as_ref().filter(|_| offer.ice(index).is_some());
        answer.media[index].ice = ours.map(|session| OwnIce::Lite(session.ours.clone()));
    }
}

/// Offers ICE to a browser, and all of RTP and RTCP at one port, without which browsers take nothing.
pub(super) fn offer(session: &mut Option<IceSession>, rng: &mut StdRng, offer: &mut SessionDescription) {
    let Some(index) = audio(offer) else { return };
    let session = session.insert(begin(rng, None));
    offer.media[index].ice = Some(OwnIce::Lite(session.ours.clone()));
    offer.media[index].rtcp_mux = true;
}

/// The far end answered our offer: with credentials, or it takes no part.
pub(super) fn answered(session: &mut Option<IceSession>, answer: &SessionDescription) {
    let theirs = audio(answer).and_then(|index| answer.ice(index)).map(Box::new);
    if theirs.is_none() {
        *session = None;
    } else if let Some(session) = session {
        session.theirs = theirs;
    }
}

/// What the relay has to know, where both sides of section `index` take part.
pub(super) fn credentials(
    theirs: &SessionDescription,
    ours: &SessionDescription,
    index: usize,
) -> Option<IceCredentials> {
    theirs.ice(index)?;
    match ours.media.get(index)?.ice.as_ref()? {
        OwnIce::Lite(ice) => Some(IceCredentials {
            ufrag: ice.ufrag[..].try_into().ok()?,
            password: ice.password[..].try_into().ok()?,
        }),
        OwnIce::Mismatch => None,
    }
}

fn begin(rng: &mut StdRng, theirs: Option<Ice>) -> IceSession {
    let mut letters = |count| Bytes::from_iter(rng.sample_iter(Alphanumeric).take(count));
    let ours = Ice { ufrag: letters(UFRAG_BYTES), password: letters(PASSWORD_BYTES) };
    IceSession { theirs: theirs.map(Box::new), ours: Box::new(ours) }
}

/// As long as the relay has them: 47 and 142 bits (RFC 8445 §5.3 asks for 24 and 128).
const UFRAG_BYTES: usize = 8;
const PASSWORD_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn described(section: &str) -> SessionDescription {
        let text = format!("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n{section}");
        SessionDescription::parse(&Bytes::from(text)).unwrap()
    }

    fn offered(ufrag: &str, port: u16) -> SessionDescription {
        described(&format!(
            "a=ice-ufrag:{ufrag}\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n\
             a=candidate:1 1 UDP 2130706431 192.0.2.1 {port} typ host\r\n"
        ))
    }

    #[test]
    fn credentials_stay_until_the_far_end_restarts() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut session = None;
        let mut told = |offer: &SessionDescription| {
            let mut answer = described("");
            take_part(&mut session, &mut rng, offer, &mut answer);
            credentials(offer, &answer, 0)
        };
        let first = told(&offered("8hhY", 4000)).unwrap();
        assert_eq!(told(&offered("8hhY", 4000)), Some(first));
        let restarted = told(&offered("9999", 4000)).unwrap();
        assert_ne!(restarted.ufrag, first.ufrag);
        assert_ne!(restarted.password, first.password);
        assert_eq!(told(&described("")), None);
        assert_ne!(
            told(&offered("9999", 4000)),
            Some(restarted),
            "a session that ended is not taken up again"
        );
    }

    #[test]
    fn what_is_offered_stays_while_the_far_end_keeps_what_it_answered() {
        let mut rng = StdRng::seed_from_u64(1);
        let (mut session, mut ours) = (None, described(""));
        offer(&mut session, &mut rng, &mut ours);
        assert!(ours.media[0].rtcp_mux && session.as_ref().is_some_and(|session| session.keep().is_none()));
        let first = credentials(&offered("8hhY", 4000), &ours, 0);
        assert!(first.is_some());
        answered(&mut session, &offered("8hhY", 4000));
        let mut again = described("");
        take_part(&mut session, &mut rng, &offered("8hhY", 4000), &mut again);
        assert_eq!(credentials(&offered("8hhY", 4000), &again, 0), first);
        answered(&mut session, &described(""));
        assert!(session.is_none(), "it takes no part");
        assert_eq!(credentials(&described(""), &ours, 0), None);
    }

    #[test]
    fn a_replaced_address_is_said_and_used() {
        let mut answer = described("");
        let mut session = None;
        take_part(&mut session, &mut StdRng::seed_from_u64(1), &offered("8hhY", 5000), &mut answer);
        assert_eq!(answer.media[0].ice, Some(OwnIce::Mismatch));
        assert_eq!(credentials(&offered("8hhY", 5000), &answer, 0), None);
    }
}
