//! Every limit of the relay: what it bounds, and what happens beyond it.

use std::time::Duration;

/// The longest datagram that is relayed, in bytes; longer ones are malformed.
pub const DATAGRAM_BYTES_MAX: usize = 2_048;

/// The shortest datagram that passes where datagrams are no RTP, in bytes: a sequence number, and something (ITU-T T.38 §9.1).
/// Shorter ones, keep-alives of translators among them, are malformed.
pub const OPAQUE_BYTES_MIN: usize = 3;

/// How many datagrams one socket may have fetched in one batch, so that a flooded port starves no other; the rest wait.
pub const PACKETS_PER_TURN: u32 = 8;

/// How many datagrams that wait in a socket are relayed when its conversation ends: more than a second of audio.
pub const REST_PACKETS_MAX: u32 = 64;

/// How many are fetched then, to be counted: more than a receive buffer holds. Further ones come faster than they are read.
pub const REST_FETCHED_MAX: u32 = 512;

/// How many ready sockets one batch has at most; the rest are in the next.
pub const BATCH_SOCKETS: usize = 256;

/// Receive buffer asked of the kernel for a socket, in bytes: a second of audio even where a packet is charged 1 kB. What
/// exceeds it the kernel drops and counts.
pub const RECEIVE_BUFFER_BYTES: usize = 256 * 1024;

/// How many legs may hear one leg, as the members of a page do; further ones hear nothing. Each costs a datagram sent for every one
/// that comes.
pub const LISTENERS_MAX: usize = 64;

/// How many unknown sources are watched at once while learning; further ones are foreign.
pub const CANDIDATES_MAX: usize = 4;

/// How many valid packets in sequence an unknown source must send inside the window.
pub const PROOF_PACKETS: u8 = 3;

/// How many connectivity checks that bear our name a leg looks at in a second; further ones have no answer. An agent begins twenty
/// a second (RFC 8445 §14) and repeats some.
pub const CHECKS_PER_SECOND_MAX: u32 = 100;

/// The lowest port that media is sent to: below live system services, which no SDP may point media at.
pub const LOWEST_PORT: u16 = 1_024;

/// How many commands may wait for a worker. A full queue refuses: the caller fails its call set-up, or tries again at its
/// next turn; nobody waits.
pub const COMMANDS_WAITING_MAX: usize = 4_096;

/// How many commands a worker carries out between two batches of packets, so that a burst of calls does not hold up the audio
/// of others; the rest wait for the next.
pub const COMMANDS_PER_TURN: usize = 64;

/// When an event is offered again that its receiver could not take.
pub const EVENT_RETRY: Duration = Duration::from_millis(5);

/// The longest music that is kept, in samples: ten minutes. A longer file is refused.
pub const MUSIC_SAMPLES_MAX: u32 = 10 * 60 * 8_000;

/// How long a released port pair rests, so that late packets of its last call meet no other call.
pub const QUARANTINE: Duration = Duration::from_secs(5);

/// How long a released port pair rests at least on which nothing came.
pub const QUIET_REST: Duration = Duration::from_secs(1);

/// How many port pairs are drawn before they are given out, so that they can be noted: a quarter of the range at most.
pub const PAIRS_AHEAD: usize = 1_024;

/// Beside audio (video, text) port pairs are given out while at least one in so many is free, so that these leave some for calls.
pub const SPARE_PAIRS_PART: usize = 4;

/// How long port pairs rest that a killed process had noted: whoever speaks to nobody for so long has hung up.
pub const DOUBTFUL_REST: Duration = Duration::from_secs(60);

/// How long a port pair rests that could not be bound.
pub const SET_ASIDE: Duration = Duration::from_secs(60);

/// How many sources of a secured leg are kept apart in each direction. Of further ones that come in the oldest is forgotten;
/// further ones are not sent, for a forgotten key stream would be used twice.
pub const SRTP_SOURCES_MAX: usize = 8;

/// How many datagrams of a DTLS handshake one leg listens to, repeated and forged ones included; then it is given up.
pub const DTLS_DATAGRAMS_MAX: u32 = 200;

/// The most jitter that a far end is believed to have, in microseconds: as much as the relay itself measures at most.
pub const REPORTED_JITTER_US_MAX: u32 = 1_000_000;

/// How far the clock of the players may fall behind before it skips.
pub const LAG_MAX: Duration = Duration::from_millis(100);

/// The shortest silence that is reported; a shorter demand is raised to it.
pub const SILENCE_MIN: Duration = Duration::from_millis(100);

/// How many codecs of the relay's own one direction of a leg may name; further ones are left out.
pub const SPEECH_CODECS_MAX: usize = 4;

/// How many codecs that the relay only passes on one direction of a leg may name; further ones keep their numbers.
pub const FOREIGN_CODECS_MAX: usize = 8;

/// How many segments a cadence may have; further ones are not played.
pub const CADENCE_SEGMENTS_MAX: usize = 16;

/// How many recordings and forks one leg serves: a conference of the line has a recording for each member. Further ones stay silent,
/// forks before recordings: the switch begins none that would.
pub const TAKES_MAX: usize = 64;

/// How many frames of 20 ms of a recording are told of together.
pub const RECORDED_FRAMES: usize = 10;

/// How many digits may be said by one command; a longer string is cancelled at once.
pub const DIGITS_MAX: usize = 256;

/// How far speech that is put into packets anew may run ahead of the clock; what is said faster is dropped. Hardly anything costs as
/// much as a frame of Opus.
pub const REFRAMED_AHEAD: Duration = Duration::from_secs(1);

/// How many members a conference has at most; a further one hears silence.
pub const MEMBERS_MAX: usize = 128;

/// How many members of a conference are heard at once; of more the loudest.
pub const SPEAKERS_MAX: usize = 16;

/// The longest delay of a member's jitter buffer, in ticks of 125 µs: 200 ms. What is older is skipped.
pub const DELAY_MAX_TICKS: i32 = 1_600;

/// The longest delay that a jitter buffer aims at, in ticks of 125 µs: 100 ms.
pub const DELAY_WANTED_MAX_TICKS: i32 = 800;

/// The usual length of a digit, in milliseconds.
pub const DIGIT_MS: u16 = 100;

/// The usual silence after a digit, in milliseconds.
pub const DIGIT_GAP_MS: u16 = 100;

/// The shortest digit, in milliseconds: what every receiver has to hear (ITU-T Q.24) and a packet more.
pub const DIGIT_MIN_MS: u16 = 60;

/// The shortest silence after a digit, in milliseconds: room for the three ends of an event.
pub const DIGIT_GAP_MIN_MS: u16 = 60;

/// The longest digit and the longest silence, in milliseconds: what the duration of one event can say.
pub const DIGIT_MAX_MS: u16 = 8_000;

/// How long a comma pauses, in milliseconds.
pub const DIGIT_PAUSE_MS: u16 = 2_000;

/// How long a hook flash lasts, in milliseconds.
pub const DIGIT_FLASH_MS: u16 = 500;

/// How many packets in good order a direction shows before it is given to the network.
pub const OFFLOAD_AFTER_PACKETS: u8 = 5;

/// How many flows are offered to the network in one batch; the others are offered with their next packet.
pub const OFFLOADS_PER_BATCH: u32 = 32;

/// When a flow is offered again that the network refused; twice as late with each refusal.
pub const OFFLOAD_RETRY: Duration = Duration::from_secs(1);

/// The longest time until a flow is offered again that the network refused, or whose packets did not meet its program.
pub const OFFLOAD_RETRY_MAX: Duration = Duration::from_secs(60);

/// How often the count of a flow in the network is looked at.
pub const OFFLOAD_REVIEW: Duration = Duration::from_secs(1);

/// How many counts are looked at in one turn; the rest wait for the next, which follows at once.
pub const OFFLOAD_REVIEWS_PER_TURN: usize = 64;

/// A flow in the network that forwards nothing from one review to the next while this many packets come up is taken back.
pub const OFFLOAD_MISSED_PACKETS: u32 = 10;
