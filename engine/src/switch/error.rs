//! LINEERR_ codes.

/// A TAPI error. The name in the API is the suffix in lower case: `invalcallstate`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[error("{}", self.name())]
#[expect(missing_docs, reason = "each variant is the LINEERR_ constant of its name")]
pub enum LineError {
    AddressBlocked,
    CallUnavail,
    Disconnected,
    InUse,
    InvalAddress,
    InvalCallHandle,
    InvalCallState,
    InvalLineHandle,
    InvalLineState,
    InvalParam,
    NotOwner,
    NotRegistered,
    OperationFailed,
    OperationUnavail,
    ResourceUnavail,
    Uninitialized,
}

impl LineError {
    /// The suffix of the LINEERR_ constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddressBlocked => "addressblocked",
            Self::CallUnavail => "callunavail",
            Self::Disconnected => "disconnected",
            Self::InUse => "inuse",
            Self::InvalAddress => "invaladdress",
            Self::InvalCallHandle => "invalcallhandle",
            Self::InvalCallState => "invalcallstate",
            Self::InvalLineHandle => "invallinehandle",
            Self::InvalLineState => "invallinestate",
            Self::InvalParam => "invalparam",
            Self::NotOwner => "notowner",
            Self::NotRegistered => "notregistered",
            Self::OperationFailed => "operationfailed",
            Self::OperationUnavail => "operationunavail",
            Self::ResourceUnavail => "resourceunavail",
            Self::Uninitialized => "uninitialized",
        }
    }
}
