//! The states of a call (TAPI LINECALLSTATE_) with what LINE_CALLSTATE sends as dwParam2.

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

/// LINEOFFERINGMODE_.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OfferingMode {
    /// Alerting here.
    Active,
    /// Offered at several stations, not alerting here.
    Inactive,
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

/// LINEDIALTONEMODE_.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DialToneMode {
    /// Continuous.
    Normal,
}

/// LINEBUSYMODE_.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BusyMode {
    /// The callee's station.
    Station,
    /// A trunk or circuit.
    Trunk,
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
