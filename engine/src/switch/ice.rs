//! ICE towards far ends that offer it: the engine answers as a lite agent (RFC 8445 §2.5), and the relay answers the checks.

use bytes::Bytes;
use rand::Rng;
use rand::distr::Alphanumeric;
use rand::rngs::StdRng;
use trunkline_media::IceCredentials;
use trunkline_sip::sdp::{Ice, OwnIce, SessionDescription};

use super::session::audio;

/// The ICE session of a leg. Both sides are put aside: few legs have one.
#[derive(Clone, Debug)]
pub(super) struct IceSession {
    theirs: Box<Ice>,
    ours: Box<Ice>,
}

impl IceSession {
    /// What is kept over a crash: name and password of the far end, then ours.
    pub(super) fn keep(&self) -> [Bytes; 4] {
        let Self { theirs, ours } = self;
        [&theirs.ufrag, &theirs.password, &ours.ufrag, &ours.password].map(Bytes::clone)
    }

    /// The session as it was kept; our description is one of it again.
    pub(super) fn restored(
        [name, password, own_name, own_password]: [Bytes; 4],
        ours: &mut SessionDescription,
    ) -> Self {
        let session = Self {
            theirs: Box::new(Ice { ufrag: name, password }),
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
            let same = session.take().filter(|session| *session.theirs == theirs);
            let session = session.insert(same.unwrap_or_else(|| begin(rng, theirs)));
            Some(OwnIce::Lite(session.ours.clone()))
        }
        None => {
            *session = None;
            offer.is_ice_mismatch(index).then_some(OwnIce::Mismatch)
        }
    };
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

fn begin(rng: &mut StdRng, theirs: Ice) -> IceSession {
    let mut letters = |count| Bytes::from_iter(rng.sample_iter(Alphanumeric).take(count));
    let ours = Ice { ufrag: letters(UFRAG_BYTES), password: letters(PASSWORD_BYTES) };
    IceSession { theirs: Box::new(theirs), ours: Box::new(ours) }
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
    fn a_replaced_address_is_said_and_used() {
        let mut answer = described("");
        let mut session = None;
        take_part(&mut session, &mut StdRng::seed_from_u64(1), &offered("8hhY", 5000), &mut answer);
        assert_eq!(answer.media[0].ice, Some(OwnIce::Mismatch));
        assert_eq!(credentials(&offered("8hhY", 5000), &answer, 0), None);
    }
}
