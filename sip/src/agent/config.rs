//! What an agent is told at its start.

use std::net::{IpAddr, SocketAddr};

use crate::message::Limits;
use crate::timing::Timing;
use crate::transport::Transport;

/// The configuration of one agent. It does not change while the agent lives.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Which worker this is.
    pub worker: u16,
    /// How many workers there are.
    pub workers: u16,
    /// Domains the registrar answers for, beside the engine's own addresses.
    pub domains: Vec<String>,
    /// The addresses the engine listens at.
    pub listeners: Vec<(Transport, SocketAddr)>,
    /// Written into Via, Contact and session descriptions instead of the local address.
    pub advertise: Option<IpAddr>,
    /// User-Agent and Server.
    pub user_agent: String,
    /// Limits on messages.
    pub limits: Limits,
    /// Limits on state.
    pub capacity: Capacity,
    /// T1, T2, T4.
    pub timing: Timing,
    /// The session interval to ask for, in seconds (RFC 4028); zero: no session timers.
    pub session_expires_s: u32,
    /// Whether answered legs are told to a store ([`crate::outbox::Outbox::dialogs`]).
    pub keeps_dialogs: bool,
    /// Whether a BYE of a trunk for no dialog is answered 200 instead of 481: `sipp -sn branchc` wants it.
    pub reply_200_to_orphan_bye: bool,
    /// Whether a REGISTER of a trunk is answered 200, for any domain and without a binding: `sipp -sn branchc` wants
    /// it.
    pub reply_200_to_trunk_register: bool,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            worker: 0,
            workers: 1,
            domains: Vec::new(),
            listeners: Vec::new(),
            advertise: None,
            user_agent: concat!("trunkline/", env!("CARGO_PKG_VERSION")).to_owned(),
            limits: Limits::DEFAULT,
            capacity: Capacity::DEFAULT,
            timing: Timing::RFC,
            session_expires_s: 1800,
            keeps_dialogs: false,
            reply_200_to_orphan_bye: true,
            reply_200_to_trunk_register: true,
        }
    }
}

/// How much state one agent holds. Beyond it, requests that would make more are answered 503 with Retry-After; requests
/// inside a dialog never are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capacity {
    /// Transactions, of both sides.
    pub transactions: usize,
    /// Legs.
    pub legs: usize,
    /// Subscriptions, of both sides.
    pub subscriptions: usize,
}

impl Capacity {
    /// Room for 1000 calls a second on one worker.
    pub const DEFAULT: Self = Self { transactions: 500_000, legs: 100_000, subscriptions: 50_000 };
}

/// How much state an agent holds. All of it returns to zero when the calls are over and 64·T1 has passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Gauges {
    /// Transactions, of both sides.
    pub transactions: usize,
    /// Dialogs, early and confirmed.
    pub dialogs: usize,
    /// Legs, with those whose BYE is not answered yet.
    pub legs: usize,
    /// Subscriptions, of both sides.
    pub subscriptions: usize,
    /// REFERs that are followed.
    pub referrals: usize,
}
