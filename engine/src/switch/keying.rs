//! How the media of a leg is keyed (SDES, RFC 4568; best effort, RFC 8643; DTLS, RFC 5763), between the descriptions of its far end and the plain
//! ones that the rest of the switch works with.
//!
//! ```text
//!   far end ── RTP/SAVP, a=crypto ──▶ read_offer, read_answer ── RTP/AVP ──▶ switch
//!   far end ◀─ RTP/SAVP, a=crypto ── write ◀── RTP/AVP ── switch
//! ```
//!
//! A section that the policy of the line refuses is read as one that was rejected (port 0), so that the call fails as any call
//! without audio in common: 488.

use std::fmt;

use bytes::Bytes;
use rand::RngCore;
use rand::rngs::StdRng;
use smallvec::SmallVec;
use trunkline_media::{DtlsPeer, DtlsRole, Fingerprint, Protection, SrtpKey, SrtpKeys, SrtpSuite};
use trunkline_sip::sdp::{Bundle, Crypto, Dtls, DtlsSetup, MediaDescription, SessionDescription};

use super::codecs::CodecList;
use super::session::audio;
use super::setup::SrtpPolicy;
use super::streams::StreamKind;

/// The keying of one leg.
#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Keying {
    policy: SrtpPolicy,
    codecs: CodecList,
    /// Whether video and text pass.
    video: bool,
    /// Of our certificate; `None`: the relay has none.
    fingerprint: Option<Fingerprint>,
    /// Our master keys with their salts, one a suite, made when first named. They stay for the leg's life, unless the far end
    /// changes its own.
    ours: SmallVec<[(SrtpSuite, Vec<u8>); 1]>,
    /// What is in force.
    agreed: Exchange,
    /// The far end's offer until we answer it.
    offered: Option<Box<Exchange>>,
    /// Whether the last offer was the far end's.
    answering: bool,
    /// Whether our last offer left no choice but SRTP, and whether it was of DTLS.
    insists: bool,
    offers_dtls: bool,
    /// Whether the far end's key is not known: it was lost with the process.
    is_lost: bool,
    /// Whether the far end came by WebSocket.
    is_browser: bool,
    /// The names of its sections, if they share a transport.
    bundle: Option<Box<Bundle>>,
}

/// How a leg is sealed, without the keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptSeal {
    /// The protocol of the audio section.
    pub protocol: Bytes,
    /// The tag of the far end's key.
    pub tag: u32,
    /// The suite.
    pub suite: SrtpSuite,
}

/// What one offer and its answer say of keys.
#[derive(Clone, Default)]
struct Exchange {
    /// Whether there was one.
    is_made: bool,
    /// The protocols of the far end's offer, section by section.
    protocols: Vec<Bytes>,
    /// The protocol of the audio section.
    protocol: Bytes,
    /// What the far end seals with; `None`: nothing is sealed.
    theirs: Option<Theirs>,
}

/// How a far end seals.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Theirs {
    /// With a key, under the tag of its line.
    Key(u32, SrtpKey),
    /// With what a handshake agrees.
    Dtls(DtlsPeer),
}

impl fmt::Debug for Keying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keying")
            .field("policy", &self.policy)
            .field("agreed", &self.agreed.theirs.is_some())
            .finish_non_exhaustive()
    }
}

impl Keying {
    /// With the fingerprint of our certificate.
    pub(super) fn new(policy: SrtpPolicy, fingerprint: Option<Fingerprint>) -> Self {
        Self { policy, fingerprint, ..Self::default() }
    }

    /// The same, towards a far end that came by WebSocket or did not. Browsers know no other keys than those of a handshake, nor
    /// RTP without any (RFC 8827 §6.5).
    #[must_use]
    pub(super) fn towards_browser(self, is_browser: bool) -> Self {
        Self { is_browser, ..self }
    }

    /// Whether our first offer is to be one for a browser.
    pub(super) fn offers_to_browser(&self) -> bool {
        self.is_browser
            && !self.agreed.is_made
            && self.fingerprint.is_some()
            && self.policy != SrtpPolicy::Off
    }

    /// Of a leg that was kept, on which nothing is sealed.
    pub(super) fn plain(policy: SrtpPolicy, fingerprint: Option<Fingerprint>) -> Self {
        let agreed = Exchange { is_made: true, ..Exchange::default() };
        Self { agreed, ..Self::new(policy, fingerprint) }
    }

    /// Of a leg that was kept, which is to be sealed again in the same way: nothing may pass before the far end has agreed to a
    /// fresh key of ours and said its own.
    pub(super) fn sealed_before(
        policy: SrtpPolicy,
        fingerprint: Option<Fingerprint>,
        seal: &KeptSeal,
    ) -> Option<Self> {
        let unknown = SrtpKey::new(seal.suite, &vec![0; seal.suite.master_bytes()])?;
        let theirs = Some(Theirs::Key(seal.tag, unknown));
        let agreed =
            Exchange { is_made: true, protocols: Vec::new(), protocol: seal.protocol.clone(), theirs };
        Some(Self { agreed, is_lost: true, ..Self::new(policy, fingerprint) })
    }

    /// The same, of a line where these codecs pass, and video and text or not.
    pub(super) fn with(self, codecs: CodecList, video: bool) -> Self {
        Self { codecs, video, ..self }
    }

    /// Whether video and text may pass on the leg. There are no keys for them, nor a transport that they share with audio. Beside a first
    /// offer of keys there are none either: where these are taken video would be on its way already.
    pub(super) fn may_have_streams(&self) -> bool {
        let offers_keys = self.policy == SrtpPolicy::Optional && !self.agreed.is_made && !self.answering;
        self.may_be_plain() && self.video && self.bundle.is_none() && !offers_keys
    }

    /// Whether what no keys are for may pass on the leg: it is not sealed, and may be so.
    pub(super) fn may_be_plain(&self) -> bool {
        !self.wants_keys() && !self.is_lost && self.agreed.theirs.is_none()
    }

    const fn wants_keys(&self) -> bool {
        matches!(self.policy, SrtpPolicy::Required | SrtpPolicy::Dtls) || self.is_browser
    }

    /// Whether the far end's key is not known, though the leg is sealed.
    pub(super) const fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// How the leg is sealed, if it is with keys in descriptions.
    pub(super) fn seal(&self) -> Option<KeptSeal> {
        match self.agreed.theirs {
            Some(Theirs::Key(tag, key)) => {
                Some(KeptSeal { protocol: self.agreed.protocol.clone(), tag, suite: key.suite() })
            }
            Some(Theirs::Dtls(_)) | None => None,
        }
    }

    /// The far end's offer, in plain: with the first audio section that may be taken, and what it is sealed with noted.
    pub(super) fn read_offer(&mut self, offer: &SessionDescription) -> SessionDescription {
        let passing = self.codecs.passing(offer);
        let offer = &*passing;
        let is_audio =
            |media: &MediaDescription| media.is_audio() && media.port != 0 && !media.formats.is_empty();
        let sections = offer.media.iter().enumerate().filter(|(_, media)| is_audio(media));
        let taken = sections
            .filter_map(|(index, _)| Some((index, self.taken(offer, index)?)))
            // Where one stream is described twice, sealed and plain, the sealed one is meant first.
            .min_by_key(|(index, theirs)| (theirs.is_none(), *index));
        self.answering = true;
        self.offered = Some(Box::new(Exchange {
            is_made: true,
            protocols: offer.media.iter().map(|media| media.protocol.clone()).collect(),
            protocol: taken.map_or_else(Bytes::new, |(index, _)| offer.media[index].protocol.clone()),
            theirs: taken.and_then(|(_, theirs)| theirs),
        }));
        self.bundle = Bundle::described(offer).map(Box::new);
        let is_sealed = taken.is_some_and(|(_, theirs)| theirs.is_some());
        let streams = self.video && self.bundle.is_none() && !is_sealed && !self.wants_keys();
        plain(offer, taken.map(|(index, _)| index), streams)
    }

    /// The far end asks for our offer.
    pub(super) const fn read_request(&mut self) {
        self.answering = false;
    }

    /// The far end's answer to our offer, in plain.
    pub(super) fn read_answer(&mut self, answer: &SessionDescription) -> SessionDescription {
        let passing = self.codecs.passing(answer);
        let answer = &*passing;
        let index = audio(answer);
        let theirs = index.and_then(|index| {
            let known = |suite| self.ours.iter().any(|(known, _)| *known == suite);
            let keys = || answer.media[index].crypto().find_map(|crypto| usable(&crypto, known));
            if self.offers_dtls { self.peer(answer, index) } else { keys() }
        });
        let fits = |index: &usize| theirs.is_some() || !(self.insists || answer.media[*index].is_secure());
        let index = index.filter(fits);
        self.answering = false;
        if index.is_some() {
            self.bundle.take_if(|_| Bundle::described(answer).is_none());
            let protocol = self.agreed.protocol.clone();
            self.agree(Exchange { is_made: true, protocols: Vec::new(), protocol, theirs });
        }
        plain(answer, index, self.may_have_streams())
    }

    /// Our description as the far end is to see it: an offer if `is_offer` or if that is what the far end asked for, else the
    /// answer to its last offer.
    pub(super) fn write(
        &mut self,
        ours: &SessionDescription,
        is_offer: bool,
        chance: &mut StdRng,
    ) -> Box<SessionDescription> {
        let mut written = Box::new(ours.clone());
        if is_offer || !self.answering {
            self.codecs.narrow(&mut written);
            self.write_offer(&mut written, chance);
        } else {
            self.write_answer(&mut written, chance);
        }
        if let Some(bundle) = &self.bundle {
            bundle.write(&mut written);
        }
        written
    }

    /// How the relay protects the leg.
    pub(super) fn protection(&self) -> Protection {
        match self.agreed.theirs {
            Some(Theirs::Key(_, receive)) => {
                let ours = self.ours.iter().find(|(suite, _)| *suite == receive.suite());
                let send = ours.and_then(|(suite, key)| SrtpKey::new(*suite, key));
                send.map_or(Protection::Plain, |send| Protection::Srtp(SrtpKeys { receive, send }))
            }
            Some(Theirs::Dtls(peer)) => Protection::Dtls(peer),
            None => Protection::Plain,
        }
    }

    fn write_offer(&mut self, offer: &mut SessionDescription, chance: &mut StdRng) {
        let Some(index) = audio(offer) else { return };
        let to_browser = self.offers_to_browser();
        if to_browser {
            self.bundle = Some(Box::new(Bundle::of_sections(offer.media.len())));
        }
        let section = &mut offer.media[index];
        let feedback = section.protocol.ends_with(b"F");
        let mut dtls = false;
        let keys = match (self.agreed.theirs, self.policy) {
            (Some(theirs), _) => {
                section.protocol = self.agreed.protocol.clone();
                match theirs {
                    Theirs::Key(tag, key) => vec![(tag, key.suite())],
                    Theirs::Dtls(_) => {
                        dtls = true;
                        Vec::new()
                    }
                }
            }
            (None, policy) if policy == SrtpPolicy::Dtls || to_browser => {
                let protocol = if feedback || to_browser { "UDP/TLS/RTP/SAVPF" } else { "UDP/TLS/RTP/SAVP" };
                section.protocol = Bytes::from_static(protocol.as_bytes());
                dtls = true;
                Vec::new()
            }
            (None, SrtpPolicy::Required) => {
                section.protocol = Bytes::from_static(if feedback { b"RTP/SAVPF" } else { b"RTP/SAVP" });
                (1..).zip(SrtpSuite::ALL).collect()
            }
            (None, SrtpPolicy::Optional) if !self.agreed.is_made => (1..).zip(SrtpSuite::ALL).collect(),
            (None, SrtpPolicy::Off | SrtpPolicy::Accept | SrtpPolicy::Optional | SrtpPolicy::Dtls) => {
                Vec::new()
            }
        };
        for (tag, suite) in keys {
            let key = self.own_key(suite, chance).to_vec();
            section.lines.push(Crypto { tag, suite: suite.name().to_owned(), key }.line());
        }
        self.offers_dtls = dtls;
        if let Some(fingerprint) = self.fingerprint.filter(|_| dtls) {
            section.lines.extend(Dtls { fingerprint, setup: DtlsSetup::ActPass }.lines());
        }
        self.insists = section.is_secure();
        if !self.agreed.is_made {
            self.agreed.protocol = section.protocol.clone();
        }
    }

    fn write_answer(&mut self, answer: &mut SessionDescription, chance: &mut StdRng) {
        if let Some(offered) = self.offered.take() {
            self.agree(*offered);
        }
        for (section, protocol) in answer.media.iter_mut().zip(&self.agreed.protocols) {
            section.protocol = protocol.clone();
        }
        let Some((index, theirs)) = audio(answer).zip(self.agreed.theirs) else { return };
        match theirs {
            Theirs::Key(tag, key) => {
                let suite = key.suite();
                let key = self.own_key(suite, chance).to_vec();
                answer.media[index].lines.push(Crypto { tag, suite: suite.name().to_owned(), key }.line());
            }
            Theirs::Dtls(peer) => {
                let setup = match peer.role {
                    DtlsRole::Client => DtlsSetup::Active,
                    DtlsRole::Server => DtlsSetup::Passive,
                };
                if let Some(fingerprint) = self.fingerprint {
                    answer.media[index].lines.extend(Dtls { fingerprint, setup }.lines());
                }
            }
        }
    }

    /// A far end that changes its key may be another machine, which knows nothing of how far our indices are; and a key that was
    /// given up must not seal anything again.
    fn agree(&mut self, exchange: Exchange) {
        let key = |theirs: Option<Theirs>| match theirs? {
            Theirs::Key(_, key) => Some(key),
            Theirs::Dtls(_) => None,
        };
        let (before, after) = (key(self.agreed.theirs), key(exchange.theirs));
        let by_offer = !exchange.protocols.is_empty();
        if (by_offer && before.is_some() && before != after) || (after.is_none() && exchange.is_made) {
            self.ours.clear();
        }
        self.is_lost = false;
        self.agreed = exchange;
    }

    fn own_key(&mut self, suite: SrtpSuite, chance: &mut StdRng) -> &[u8] {
        let place = self.ours.iter().position(|(known, _)| *known == suite).unwrap_or_else(|| {
            let mut key = vec![0; suite.master_bytes()];
            chance.fill_bytes(&mut key);
            self.ours.push((suite, key));
            self.ours.len() - 1
        });
        &self.ours[place].1
    }

    /// Whether an offered section may be taken, and what it is sealed with then.
    fn taken(&self, offer: &SessionDescription, index: usize) -> Option<Option<Theirs>> {
        let section = &offer.media[index];
        let keys = || section.crypto().find_map(|crypto| usable(&crypto, |_| true));
        let theirs = || keys().or_else(|| self.peer(offer, index).filter(|_| section.is_secure()));
        match self.policy {
            SrtpPolicy::Off => (!section.is_secure()).then_some(None),
            SrtpPolicy::Accept | SrtpPolicy::Optional => {
                let theirs = theirs();
                (theirs.is_some() || !section.is_secure()).then_some(theirs)
            }
            SrtpPolicy::Required | SrtpPolicy::Dtls => theirs().map(Some),
        }
    }

    /// The far end of a handshake. Where the choice is ours it begins, so that a translator on its way lets our answers in; who
    /// was what once stays it.
    fn peer(&self, described: &SessionDescription, index: usize) -> Option<Theirs> {
        self.fingerprint?;
        let dtls = described.dtls(index)?;
        let role = match (dtls.setup, self.agreed.theirs) {
            (DtlsSetup::Active, _) => DtlsRole::Server,
            (DtlsSetup::Passive, _) => DtlsRole::Client,
            (DtlsSetup::ActPass, Some(Theirs::Dtls(peer))) if peer.fingerprint == dtls.fingerprint => {
                peer.role
            }
            (DtlsSetup::ActPass, _) => DtlsRole::Server,
        };
        Some(Theirs::Dtls(DtlsPeer { fingerprint: dtls.fingerprint, role }))
    }
}

/// The key of a line, if its suite is one that is wanted and the key has the right length.
fn usable(crypto: &Crypto, wanted: impl Fn(SrtpSuite) -> bool) -> Option<Theirs> {
    let suite = SrtpSuite::named(&crypto.suite).filter(|suite| wanted(*suite))?;
    Some(Theirs::Key(crypto.tag, SrtpKey::new(suite, &crypto.key)?))
}

/// A description without keys, in which only audio section `taken` is accepted, and video and text that need no keys if they may pass.
fn plain(described: &SessionDescription, taken: Option<usize>, streams: bool) -> SessionDescription {
    let mut plain = described.without_session_keys();
    for (index, section) in plain.media.iter_mut().enumerate() {
        let is_stream = StreamKind::ALL.iter().any(|kind| kind.is_of(section));
        let is_refused = if is_stream {
            !streams || section.is_secure()
        } else {
            section.is_audio() && taken != Some(index)
        };
        *section = section.without_keys();
        if is_refused {
            section.port = 0;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const THEIRS: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    const OTHERS: &str = "e0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

    fn sdp(sections: &str) -> SessionDescription {
        let text = format!("v=0\nc=IN IP4 192.0.2.1\n{sections}");
        SessionDescription::parse(&Bytes::from(text)).unwrap()
    }

    fn crypto(key: &str) -> String {
        format!("a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{key}\n")
    }

    fn sealed(key: &str) -> SessionDescription {
        sdp(&format!("m=audio 4000 RTP/SAVP 0\n{}", crypto(key)))
    }

    fn keying(policy: SrtpPolicy) -> (Keying, StdRng) {
        (Keying::new(policy, Some([9; 32])), StdRng::seed_from_u64(1))
    }

    fn keys(keying: &Keying) -> SrtpKeys {
        match keying.protection() {
            Protection::Srtp(keys) => keys,
            Protection::Plain | Protection::Dtls(_) => panic!("no keys"),
        }
    }

    /// Protocol and names of the suites.
    fn seen(description: &SessionDescription) -> (String, Vec<String>) {
        let section = &description.media[audio(description).unwrap()];
        let suites = section.crypto().map(|crypto| format!("{} {}", crypto.tag, crypto.suite));
        (String::from_utf8(section.protocol.to_vec()).unwrap(), suites.collect())
    }

    const BEST: &str = "3 AES_CM_128_HMAC_SHA1_80";

    #[test]
    fn which_offers_are_taken() {
        use SrtpPolicy::{Accept, Off, Optional, Required};
        let plain = "m=audio 4000 RTP/AVP 0\n".to_owned();
        let best_effort = format!("{plain}{}", crypto(THEIRS));
        let sealed = format!("m=audio 4000 RTP/SAVP 0\n{}", crypto(THEIRS));
        let unknown = "m=audio 4000 RTP/SAVP 0\na=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA\n".to_owned();
        for (offer, taken) in [
            (&plain, [Some(false), Some(false), Some(false), None]),
            (&best_effort, [Some(false), Some(true), Some(true), Some(true)]),
            (&sealed, [None, Some(true), Some(true), Some(true)]),
            (&unknown, [None, None, None, None]),
        ] {
            for (policy, taken) in [Off, Accept, Optional, Required].into_iter().zip(taken) {
                let (mut keying, mut chance) = keying(policy);
                let read = keying.read_offer(&sdp(offer));
                assert_eq!(audio(&read).is_some(), taken.is_some(), "{policy:?} {offer}");
                let Some(sealed) = taken else { continue };
                assert_eq!(&read.media[0].protocol[..], b"RTP/AVP");
                assert_eq!(read.media[0].attributes("crypto").count(), 0);
                let written = keying.write(&read, false, &mut chance);
                assert_eq!(written.media[0].protocol, sdp(offer).media[0].protocol);
                assert_eq!(seen(&written).1.len(), usize::from(sealed), "{policy:?} {offer}");
                assert_eq!(keying.protection() != Protection::Plain, sealed);
            }
        }
    }

    #[test]
    fn of_two_descriptions_of_one_stream_the_sealed_one_is_taken() {
        let both = format!("m=audio 4000 RTP/AVP 0\nm=audio 4000 RTP/SAVP 0\n{}", crypto(THEIRS));
        for (policy, index) in [(SrtpPolicy::Accept, 1), (SrtpPolicy::Off, 0)] {
            let (mut keying, mut chance) = keying(policy);
            let read = keying.read_offer(&sdp(&both));
            assert_eq!(audio(&read), Some(index));
            assert_eq!(read.media[1 - index].port, 0);
            let written = keying.write(&read, false, &mut chance);
            let protocols: Vec<_> = written.media.iter().map(|media| &media.protocol[..]).collect();
            assert_eq!(protocols, [&b"RTP/AVP"[..], b"RTP/SAVP"]);
        }
    }

    #[test]
    fn what_is_offered_to_whom() {
        let ours = sdp("m=audio 20000 RTP/AVP 0\n");
        let all = ["1 AEAD_AES_256_GCM", "2 AEAD_AES_128_GCM", BEST, "4 AES_CM_128_HMAC_SHA1_32"];
        for (policy, protocol, suites) in [
            (SrtpPolicy::Off, "RTP/AVP", &all[..0]),
            (SrtpPolicy::Accept, "RTP/AVP", &all[..0]),
            (SrtpPolicy::Optional, "RTP/AVP", &all[..]),
            (SrtpPolicy::Required, "RTP/SAVP", &all[..]),
        ] {
            let (mut keying, mut chance) = keying(policy);
            let written = keying.write(&ours, true, &mut chance);
            let (seen_protocol, seen_suites) = seen(&written);
            assert_eq!((&seen_protocol[..], seen_suites.len()), (protocol, suites.len()), "{policy:?}");
            assert!(seen_suites.iter().zip(suites).all(|(seen, suite)| seen == suite));
            assert_eq!(keying.write(&ours, true, &mut chance), written, "said again, it is the same");
            assert_eq!(keying.protection(), Protection::Plain, "before the answer");
        }
    }

    #[test]
    fn an_answer_with_keys_is_sealed_and_one_without_is_plain_or_nothing() {
        let ours = sdp("m=audio 20000 RTP/AVP 0\n");
        let plain = sdp("m=audio 4000 RTP/AVP 0\n");
        for (policy, answer, is_taken, is_sealed) in [
            (SrtpPolicy::Optional, &plain, true, false),
            (SrtpPolicy::Optional, &sdp(&format!("m=audio 4000 RTP/AVP 0\n{}", crypto(THEIRS))), true, true),
            (SrtpPolicy::Required, &sealed(THEIRS), true, true),
            (SrtpPolicy::Required, &plain, false, false),
            (SrtpPolicy::Accept, &sealed(THEIRS), false, false),
        ] {
            let (mut keying, mut chance) = keying(policy);
            keying.write(&ours, true, &mut chance);
            let read = keying.read_answer(answer);
            assert_eq!(audio(&read).is_some(), is_taken, "{policy:?}");
            assert_eq!(keying.protection() != Protection::Plain, is_sealed, "{policy:?}");
        }
    }

    #[test]
    fn our_own_later_offer_repeats_what_is_agreed() {
        let (mut keying, mut chance) = keying(SrtpPolicy::Accept);
        let read = keying.read_offer(&sealed(THEIRS));
        let answer = keying.write(&read, false, &mut chance);
        let offer = keying.write(&read, true, &mut chance);
        assert_eq!((seen(&offer), &offer.media[0].lines), (seen(&answer), &answer.media[0].lines));
        assert_eq!(seen(&offer), ("RTP/SAVP".to_owned(), vec![BEST.to_owned()]));
        let before = keys(&keying);
        keying.read_answer(&sealed(OTHERS));
        assert_eq!(keys(&keying).send, before.send);
        assert_ne!(keys(&keying).receive, before.receive);
        let downgraded = keying.read_answer(&sdp("m=audio 4000 RTP/AVP 0\n"));
        assert_eq!(audio(&downgraded), None);
        assert_ne!(keying.protection(), Protection::Plain);
    }

    #[test]
    fn an_offer_counts_when_it_is_answered_and_another_key_gets_another() {
        let (mut keying, mut chance) = keying(SrtpPolicy::Accept);
        let read = keying.read_offer(&sealed(THEIRS));
        keying.write(&read, false, &mut chance);
        let first = keys(&keying);
        keying.read_offer(&sealed(THEIRS));
        keying.write(&read, false, &mut chance);
        assert_eq!(keys(&keying), first, "the same again");
        keying.read_offer(&sealed(OTHERS));
        assert_eq!(keys(&keying), first, "refused, perhaps");
        keying.write(&read, false, &mut chance);
        let second = keys(&keying);
        assert!(first.receive != second.receive && first.send != second.send);
        let plain = sdp("m=audio 4000 RTP/AVP 0\n");
        keying.read_offer(&plain);
        keying.write(&read, false, &mut chance);
        assert_eq!(keying.protection(), Protection::Plain);
        keying.read_offer(&sealed(OTHERS));
        keying.write(&read, false, &mut chance);
        assert_ne!(keys(&keying).send, second.send, "a key that was given up seals nothing again");
    }

    /// A section with DTLS of a certificate of these bytes.
    fn by_handshake(byte: u8, setup: DtlsSetup) -> SessionDescription {
        let lines =
            Dtls { fingerprint: [byte; 32], setup }.lines().map(|line| line.escape_ascii().to_string());
        sdp(&format!("m=audio 4000 UDP/TLS/RTP/SAVP 0\n{}\n", lines.join("\n")))
    }

    fn peer(keying: &Keying) -> (u8, DtlsRole) {
        match keying.protection() {
            Protection::Dtls(peer) => (peer.fingerprint[0], peer.role),
            Protection::Plain | Protection::Srtp(_) => panic!("no handshake"),
        }
    }

    #[test]
    fn an_offer_of_dtls_is_answered_with_our_fingerprint_and_the_other_role() {
        for (offered, answered, role) in [
            (DtlsSetup::ActPass, DtlsSetup::Passive, DtlsRole::Server),
            (DtlsSetup::Active, DtlsSetup::Passive, DtlsRole::Server),
            (DtlsSetup::Passive, DtlsSetup::Active, DtlsRole::Client),
        ] {
            let (mut keying, mut chance) = keying(SrtpPolicy::Accept);
            let read = keying.read_offer(&by_handshake(7, offered));
            assert_eq!(&read.media[0].protocol[..], b"RTP/AVP");
            let written = keying.write(&read, false, &mut chance);
            assert_eq!(&written.media[0].protocol[..], b"UDP/TLS/RTP/SAVP");
            assert_eq!(written.dtls(0), Some(Dtls { fingerprint: [9; 32], setup: answered }));
            assert_eq!(peer(&keying), (7, role));
            keying.read_offer(&by_handshake(7, DtlsSetup::ActPass));
            keying.write(&read, false, &mut chance);
            assert_eq!(peer(&keying), (7, role), "who was what stays it");
        }
    }

    #[test]
    fn dtls_is_offered_where_it_is_configured_and_nothing_plain_will_do() {
        let ours = sdp("m=audio 20000 RTP/AVP 0\n");
        let (mut keying, mut chance) = keying(SrtpPolicy::Dtls);
        let written = keying.write(&ours, true, &mut chance);
        assert_eq!(written.dtls(0), Some(Dtls { fingerprint: [9; 32], setup: DtlsSetup::ActPass }));
        assert_eq!(audio(&keying.read_answer(&sdp("m=audio 4000 RTP/AVP 0\n"))), None);
        assert!(audio(&keying.read_answer(&by_handshake(7, DtlsSetup::Active))).is_some());
        assert_eq!(peer(&keying), (7, DtlsRole::Server));
        let again = keying.write(&ours, true, &mut chance);
        assert_eq!(again.media[0].protocol, written.media[0].protocol);
    }

    #[test]
    fn a_browser_is_offered_a_handshake_and_a_bundle_whatever_others_are_offered() {
        use SrtpPolicy::{Accept, Dtls as ByDtls, Off, Optional, Required};
        let ours = sdp("m=audio 20000 RTP/AVP 0\n");
        for policy in [Accept, Optional, Required, ByDtls, Off] {
            let (browser, mut chance) = keying(policy);
            let mut browser = browser.towards_browser(true);
            assert_eq!(browser.offers_to_browser(), policy != Off);
            let written = browser.write(&ours, true, &mut chance);
            if policy == Off {
                assert_eq!(*written, ours);
                continue;
            }
            assert_eq!(&written.media[0].protocol[..], b"UDP/TLS/RTP/SAVPF", "{policy:?}");
            assert_eq!(written.dtls(0), Some(Dtls { fingerprint: [9; 32], setup: DtlsSetup::ActPass }));
            assert_eq!((seen(&written).1.len(), &written.lines[..]), (0, &["a=group:BUNDLE 0".into()][..]));
            assert_eq!(written.media[0].attributes("mid").collect::<Vec<_>>(), [b"0"]);
            assert_eq!(audio(&browser.read_answer(&sdp("m=audio 4000 RTP/AVP 0\n"))), None, "{policy:?}");
            assert!(audio(&browser.read_answer(&by_handshake(7, DtlsSetup::Active))).is_some());
            assert_eq!(peer(&browser), (7, DtlsRole::Server));
            let again = browser.write(&ours, true, &mut chance);
            assert_eq!(again.media[0].protocol, written.media[0].protocol);
            assert_eq!(again.lines.len(), 0, "it bundles nothing");
        }
        let (mut plain, mut chance) = (Keying::new(Accept, None).towards_browser(true), keying(Accept).1);
        assert_eq!(*plain.write(&ours, true, &mut chance), ours, "without a certificate");
    }

    #[test]
    fn who_bundles_is_answered_and_offered_by_its_own_names() {
        let (mut keying, mut chance) = keying(SrtpPolicy::Accept);
        let mut offer = sdp("m=audio 4000 RTP/AVP 0\na=mid:speech\n");
        offer.lines.push("a=group:BUNDLE speech".into());
        let read = keying.read_offer(&offer);
        for is_offer in [false, true] {
            let written = keying.write(&sdp("m=audio 20000 RTP/AVP 0\n"), is_offer, &mut chance);
            assert_eq!(written.lines, ["a=group:BUNDLE speech"]);
            assert_eq!(written.media[0].lines, ["a=mid:speech"]);
        }
        assert!(audio(&read).is_some());
    }

    #[test]
    fn without_a_certificate_dtls_is_not_taken() {
        let mut keying = Keying::new(SrtpPolicy::Accept, None);
        assert_eq!(audio(&keying.read_offer(&by_handshake(7, DtlsSetup::ActPass))), None);
    }

    #[test]
    fn an_offer_that_was_asked_for_is_no_answer() {
        let (mut keying, mut chance) = keying(SrtpPolicy::Required);
        keying.read_request();
        let written = keying.write(&sdp("m=audio 20000 RTP/AVP 0\n"), false, &mut chance);
        assert_eq!(seen(&written).1.len(), 4);
    }

    #[test]
    fn no_key_is_ever_printed() {
        let (mut keying, mut chance) = keying(SrtpPolicy::Accept);
        let read = keying.read_offer(&sealed(THEIRS));
        let written = keying.write(&read, false, &mut chance);
        let ours = written.media[0].crypto().next().unwrap();
        for text in [format!("{keying:?}"), format!("{written:?}"), format!("{:?}", keying.protection())] {
            assert!(!text.contains("d0Rm") && !text.contains(&format!("{:?}", ours.key)), "{text}");
        }
    }
}
