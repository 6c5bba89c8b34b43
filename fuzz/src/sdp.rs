//! A session description from the network: read, printed, bridged to another leg, answered.

use std::hint::black_box;

use trunkline_sip::sdp::{
    CRYPTO_LINES_MAX, Crypto, Direction, ENGINE_CODECS, FORMATS_MAX, MEDIA_MAX, Origin, SessionDescription,
    answer_from_other_leg, answer_locally, full_offer, hold_answer, masked, offer_for_other_leg,
};

/// Panics if a rule of the session description layer is broken for these octets: half of them are an offer, half an
/// answer to it, and all of them a description.
pub fn check(octets: &[u8]) {
    let (offer, answer) = octets.split_at(octets.len() / 2);
    let offer = description(offer);
    let answer = description(answer);
    for whole in description(octets).iter().chain(&offer) {
        bridge(whole, answer.as_ref().unwrap_or(whole));
    }
}

fn description(octets: &[u8]) -> Option<SessionDescription> {
    let sdp = SessionDescription::parse(&octets.to_vec().into()).ok()?;
    assert!(sdp.media.len() <= MEDIA_MAX);
    assert!(sdp.media.iter().all(|media| (1..=FORMATS_MAX).contains(&media.formats.len())));
    for index in 0..=sdp.media.len() {
        black_box((sdp.rtp(index), sdp.rtcp(index), sdp.direction(index), sdp.is_hold(index)));
    }
    for media in &sdp.media {
        black_box((media.codecs().count(), media.telephone_event(8000), media.speech()));
    }
    keys(&sdp, octets);
    // What is missing is filled in once; then nothing changes any more.
    if let Some(once) = reread(&sdp)
        && let Some(twice) = reread(&once)
    {
        assert_eq!(once, twice);
    }
    Some(sdp)
}

/// What is read of keys, certificates and checks is as long as it must be, prints as it reads, and can be taken out.
fn keys(sdp: &SessionDescription, octets: &[u8]) {
    for (index, media) in sdp.media.iter().enumerate() {
        assert!(media.crypto().count() <= CRYPTO_LINES_MAX);
        for crypto in media.crypto() {
            let line = crypto.line();
            assert_eq!(Crypto::parse(&line[b"a=crypto:".len()..]), Some(crypto));
        }
        let plain = media.without_keys();
        assert!(plain.crypto().count() == 0 && !plain.is_secure());
        let plain = SessionDescription { media: vec![plain], ..sdp.without_session_keys() };
        assert_eq!(plain.dtls(0), None);
        if let Some(dtls) = sdp.dtls(index) {
            let mut again = plain;
            again.media[0].lines.extend(dtls.lines());
            assert_eq!(again.dtls(0), Some(dtls));
        }
        if let Some(ice) = sdp.ice(index) {
            assert!((4..=256).contains(&ice.ufrag.len()) && (22..=256).contains(&ice.password.len()));
            assert!(!sdp.is_ice_mismatch(index));
        }
    }
    let shown = masked(octets);
    assert_eq!(shown.len(), octets.len());
    let marks =
        |text: &[u8]| text.windows(8).filter(|mark| mark[..7].eq_ignore_ascii_case(b"inline:")).count();
    assert!(marks(&shown) <= marks(octets));
    for at in 7..shown.len() {
        let is_key = shown[at - 7..at].eq_ignore_ascii_case(b"inline:");
        assert!(!is_key || shown[at] == b'*' || shown[at].is_ascii_whitespace(), "a key is shown");
    }
}

/// `None` where the lines that printing adds are one too many.
fn reread(sdp: &SessionDescription) -> Option<SessionDescription> {
    SessionDescription::parse(&sdp.print(Origin { id: 1, version: 1 }, [192, 0, 2, 1].into())).ok()
}

fn bridge(offer: &SessionDescription, answer: &SessionDescription) {
    let ports: Vec<u16> = (0..offer.media.len() as u16).map(|index| 20_000 + 2 * index).collect();
    let other = offer_for_other_leg(offer, &ports);
    assert_eq!(other.media.len(), offer.media.len());
    let answers = [
        Some(answer_from_other_leg(offer, answer, &ports)),
        answer_locally(offer, ENGINE_CODECS, Direction::SendRecv, &ports),
        hold_answer(offer, Some(answer), &ports),
    ];
    for answer in answers.into_iter().flatten() {
        assert_eq!(answer.media.len(), offer.media.len());
        for (index, (answered, offered)) in answer.media.iter().zip(&offer.media).enumerate() {
            assert_eq!((&answered.kind, &answered.protocol), (&offered.kind, &offered.protocol));
            assert!(answered.port == 0 || (answered.port == ports[index] && offered.port != 0));
            let direction = answer.direction(index);
            assert!(answered.port == 0 || offer.direction(index).answer(direction) == direction);
        }
        black_box(reread(&answer));
    }
    let full = full_offer(Some(offer), &ports);
    assert!(full.media.len() >= offer.media.len());
    black_box(reread(&full));
}
