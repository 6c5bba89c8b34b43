//! The states of a call (TAPI LINECALLSTATE_) with what LINE_CALLSTATE sends as dwParam2.

use std::fmt;

/// LINECALLSTATE_. The mode is the variant's payload, so that it cannot be read in the wrong state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallState {
    /// The call is over. A call never leaves idle.
    Idle,
    /// The call is presented to the station.
    Offering(OfferingMode),
    /// An owner took responsibility for an offered call; both ends are alerted.
    Accepted,
    /// Ready for digits.
    DialTone(DialToneMode),
    /// Digits are collected, or the own phone of a make-call is alerted.
    Dialing,
    /// The destination is alerted.
    Ringback,
    /// The destination, or the way to it, is busy.
    Busy(BusyMode),
    /// A special announcement says that the call cannot be completed.
    SpecialInfo(SpecialInfo),
    /// Information can flow end to end.
    Connected(ConnectedMode),
    /// Dialing is finished, the network is working.
    Proceeding,
    /// Hard hold.
    OnHold,
    /// Member of a conference.
    Conferenced,
    /// On hold while a party is added to a conference.
    OnHoldPendConf,
    /// On hold awaiting transfer.
    OnHoldPendTransfer,
    /// The far side or the network ended the call.
    Disconnected(DisconnectMode),
    /// The state is not known; introduces a call to monitors.
    Unknown,
}

impl CallState {
    /// The suffix of the LINECALLSTATE_ constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Offering(_) => "offering",
            Self::Accepted => "accepted",
            Self::DialTone(_) => "dialtone",
            Self::Dialing => "dialing",
            Self::Ringback => "ringback",
            Self::Busy(_) => "busy",
            Self::SpecialInfo(_) => "specialinfo",
            Self::Connected(_) => "connected",
            Self::Proceeding => "proceeding",
            Self::OnHold => "onhold",
            Self::Conferenced => "conferenced",
            Self::OnHoldPendConf => "onholdpendconf",
            Self::OnHoldPendTransfer => "onholdpendtransfer",
            Self::Disconnected(_) => "disconnected",
            Self::Unknown => "unknown",
        }
    }

    /// The suffix of the mode's constant in lower case, for the states that have one.
    pub const fn mode_name(self) -> Option<&'static str> {
        match self {
            Self::Offering(mode) => Some(mode.name()),
            Self::DialTone(mode) => Some(mode.name()),
            Self::Busy(mode) => Some(mode.name()),
            Self::SpecialInfo(mode) => Some(mode.name()),
            Self::Connected(mode) => Some(mode.name()),
            Self::Disconnected(mode) => Some(mode.name()),
            Self::Idle
            | Self::Accepted
            | Self::Dialing
            | Self::Ringback
            | Self::Proceeding
            | Self::OnHold
            | Self::Conferenced
            | Self::OnHoldPendConf
            | Self::OnHoldPendTransfer
            | Self::Unknown => None,
        }
    }
}

impl fmt::Display for CallState {
    /// `connected (active)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        self.mode_name().map_or(Ok(()), |mode| write!(f, " ({mode})"))
    }
}

/// LINEOFFERINGMODE_.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OfferingMode {
    /// Alerting here.
    Active,
    /// Offered at several stations, not alerting here.
    Inactive,
}

impl OfferingMode {
    /// The suffix of the constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

/// LINECONNECTEDMODE_.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ConnectedMode {
    /// This station takes part.
    Active,
    /// Connected at another station.
    Inactive,
    /// This station takes part and the remote party holds the call.
    ActiveHeld,
    /// Not a participant here, and the remote party holds.
    InactiveHeld,
}

impl ConnectedMode {
    /// The suffix of the constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::ActiveHeld => "activeheld",
            Self::InactiveHeld => "inactiveheld",
        }
    }
}

/// LINEDIALTONEMODE_.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DialToneMode {
    /// Continuous.
    Normal,
}

impl DialToneMode {
    /// The suffix of the constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
        }
    }
}

/// LINEBUSYMODE_.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BusyMode {
    /// The callee's station.
    Station,
    /// A trunk or circuit.
    Trunk,
}

impl BusyMode {
    /// The suffix of the constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Station => "station",
            Self::Trunk => "trunk",
        }
    }
}

/// LINESPECIALINFO_.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SpecialInfo {
    /// No circuit.
    NoCircuit,
    /// Vacant or changed number.
    CustIrreg,
    /// Equipment irregularity.
    Reorder,
}

impl SpecialInfo {
    /// The suffix of the constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCircuit => "nocircuit",
            Self::CustIrreg => "custirreg",
            Self::Reorder => "reorder",
        }
    }
}

/// LINEDISCONNECTMODE_.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DisconnectMode {
    /// Normal hang-up by the remote party.
    Normal,
    /// Reason not known.
    Unknown,
    /// The remote user refused.
    Reject,
    /// Picked up elsewhere.
    Pickup,
    /// Forwarded by the switch.
    Forwarded,
    /// Remote station busy.
    Busy,
    /// Remote station does not answer.
    NoAnswer,
    /// Destination address invalid.
    BadAddress,
    /// Remote user could not be reached.
    Unreachable,
    /// Network congested.
    Congestion,
    /// Remote equipment cannot do this kind of call.
    Incompatible,
    /// Reason unavailable.
    Unavail,
    /// Expected dial tone not detected.
    NoDialTone,
    /// Number changed.
    NumberChanged,
    /// Destination device out of order.
    OutOfOrder,
    /// Temporary network failure.
    TempFailure,
    /// Minimum quality could not be obtained or kept.
    QosUnavail,
    /// The network does not accept calls from this origin.
    Blocked,
    /// Destination has do-not-disturb on.
    DoNotDisturb,
    /// The call was cancelled.
    Cancelled,
}

impl DisconnectMode {
    /// The suffix of the constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Unknown => "unknown",
            Self::Reject => "reject",
            Self::Pickup => "pickup",
            Self::Forwarded => "forwarded",
            Self::Busy => "busy",
            Self::NoAnswer => "noanswer",
            Self::BadAddress => "badaddress",
            Self::Unreachable => "unreachable",
            Self::Congestion => "congestion",
            Self::Incompatible => "incompatible",
            Self::Unavail => "unavail",
            Self::NoDialTone => "nodialtone",
            Self::NumberChanged => "numberchanged",
            Self::OutOfOrder => "outoforder",
            Self::TempFailure => "tempfailure",
            Self::QosUnavail => "qosunavail",
            Self::Blocked => "blocked",
            Self::DoNotDisturb => "donotdisturb",
            Self::Cancelled => "cancelled",
        }
    }
}
