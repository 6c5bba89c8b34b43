//! Counters of a leg; the unit of each number is in its name.

/// What a leg received and sent. "Received" is what came from the far end of this leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LegStats {
    /// Accepted RTP packets received.
    pub packets_received: u64,
    /// Their payload and headers, in bytes.
    pub bytes_received: u64,
    /// RTP packets sent to the far end.
    pub packets_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// RTCP packets received.
    pub rtcp_received: u64,
    /// Packets from a source that may not speak here.
    pub foreign: u64,
    /// Packets that are neither RTP nor RTCP.
    pub malformed: u64,
    /// Packets accepted but with nobody to hear them.
    pub unheard: u64,
    /// Packets that the kernel refused to send.
    pub send_failed: u64,
    /// RFC 3550 A.3: expected less received, of the current SSRC and those before.
    pub lost: u64,
    /// Packets older than the newest, or seen twice.
    pub reordered: u64,
    /// Interarrival jitter (RFC 3550 A.8), in microseconds.
    pub jitter_us: u32,
}
