//! What a phone does without being told: the temper of its user and the quirks of its maker.

use std::time::Duration;

use trunkline_sip::sdp::Crypto;

/// What happens when an INVITE for a call comes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnInvite {
    /// Rings, and is answered this long after.
    Answer(Duration),
    /// Rings until somebody says otherwise, or [`Script::rings_max`] is over.
    Ring,
    /// Rings, then refuses with this status after this long. No time: refuses without ringing.
    Refuse(u16, Duration),
    /// Says 100, and nothing more before somebody says otherwise.
    Try,
    /// Says nothing at all to an INVITE, not even 100.
    Silent,
}

/// How a phone writes that it holds the other side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldForm {
    /// `a=sendonly` (RFC 3264 §8.4).
    SendOnly,
    /// `a=inactive`.
    Inactive,
    /// `c=IN IP4 0.0.0.0` with `a=sendrecv` (RFC 2543).
    Unspecified,
}

/// The behaviour of a phone. Fields may be changed at any time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// What happens on an incoming call.
    pub on_invite: OnInvite,
    /// How long it rings at most; then it refuses with 480.
    pub rings_max: Duration,
    /// Answers at once when the INVITE asks for it by `Call-Info: …;answer-after=` or `Alert-Info: …;info=alert-autoanswer`.
    pub auto_answers: bool,
    /// Announces `Allow-Events: talk, hold` and obeys such a NOTIFY.
    pub obeys_talk: bool,
    /// Rings by 183 with a session description, and speaks before it is answered; where it calls, as soon as media is described to it.
    pub early_media: bool,
    /// Calls without an offer: the callee is to offer in its 200.
    pub late_offer: bool,
    /// Sends ACK for a 2xx.
    pub acknowledges: bool,
    /// The value of Contact where it refuses a call with a 3xx.
    pub redirects_to: String,
    /// The value of Retry-After where it refuses a call, in seconds.
    pub retry_after_s: Option<u32>,
    /// Refuses every re-INVITE with this status.
    pub refuses_reinvite: Option<u16>,
    /// Refuses a re-INVITE without a session description with 488.
    pub refuses_to_offer: bool,
    /// The RTP formats it knows, as it prefers them: of 0 (PCMU), 8 (PCMA), 101 (telephone-event).
    pub formats: Vec<u8>,
    /// Further lines of its audio section, each with its line end: `a=rtcp-mux\r\n`. With a fingerprint it describes
    /// UDP/TLS/RTP/SAVPF and takes nothing else, but shakes no hands: nobody hears it.
    pub attributes: String,
    /// The key that it seals its voice with (SDES, RFC 4568), told with its next description: it describes RTP/SAVP then, and takes
    /// nothing but this suite. A suite that the phone does not know it only offers. `None`: it takes nothing but RTP/AVP.
    pub srtp: Option<Crypto>,
    /// Takes fax instead of audio (ITU-T T.38), as an adapter of fax machines does.
    pub takes_fax: bool,
    /// Has a camera: it describes video, of H.264, two ports above its audio. Nothing is ever shown.
    pub takes_video: bool,
    /// Refuses a call that offers video with 488, instead of the video.
    pub refuses_video: bool,
    /// How it writes hold.
    pub hold_form: HoldForm,
    /// Resumes by a re-INVITE without a session description.
    pub resumes_without_offer: bool,
    /// Holds and resumes by UPDATE (RFC 3311) instead of re-INVITE.
    pub changes_by_update: bool,
    /// Hangs up when it hears that its transfer succeeded.
    pub leaves_transferred: bool,
    /// Says in Record-Route that it is behind a loose router at its own address, and wants to see it in Route.
    pub record_route: bool,
    /// Which device it is (`+sip.instance`, `urn:uuid:…`): it asks for an address of its own (GRUU, RFC 5627) and names that in its
    /// calls. `None`: it does not say, and names where it is.
    pub instance: Option<String>,
    /// Registers again before the registration ends.
    pub refreshes: bool,
    /// Speaks in a call: one RTP packet of its voice each 20 ms.
    pub speaks: bool,
    /// Speaks a sine of this frequency, a multiple of 50 Hz, instead of its voice: heard out of a mix by [`Heard::level`].
    ///
    /// [`Heard::level`]: super::Heard::level
    pub tone_hz: Option<u16>,
    /// Unplugged: hears nothing, sends nothing.
    pub dead: bool,
    /// Expires of a REGISTER, in seconds.
    pub expires_s: u32,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            on_invite: OnInvite::Ring,
            rings_max: Duration::from_secs(120),
            auto_answers: true,
            obeys_talk: true,
            early_media: false,
            late_offer: false,
            acknowledges: true,
            redirects_to: String::new(),
            retry_after_s: None,
            refuses_reinvite: None,
            refuses_to_offer: false,
            formats: vec![0, 8, 101],
            attributes: String::new(),
            srtp: None,
            takes_fax: false,
            takes_video: false,
            refuses_video: false,
            hold_form: HoldForm::SendOnly,
            resumes_without_offer: false,
            changes_by_update: false,
            leaves_transferred: true,
            record_route: false,
            instance: None,
            refreshes: true,
            tone_hz: None,
            speaks: true,
            dead: false,
            expires_s: 3600,
        }
    }
}
