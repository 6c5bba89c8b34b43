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
    /// All of them, in the order of their names.
    pub const ALL: [Self; 16] = [
        Self::AddressBlocked,
        Self::CallUnavail,
        Self::Disconnected,
        Self::InUse,
        Self::InvalAddress,
        Self::InvalCallHandle,
        Self::InvalCallState,
        Self::InvalLineHandle,
        Self::InvalLineState,
        Self::InvalParam,
        Self::NotOwner,
        Self::NotRegistered,
        Self::OperationFailed,
        Self::OperationUnavail,
        Self::ResourceUnavail,
        Self::Uninitialized,
    ];

    /// The value of the constant in tapi.h.
    pub const fn code(self) -> u32 {
        match self {
            Self::AddressBlocked => 0x8000_0053,
            Self::CallUnavail => 0x8000_0005,
            Self::Disconnected => 0x8000_0060,
            Self::InUse => 0x8000_000F,
            Self::InvalAddress => 0x8000_0010,
            Self::InvalCallHandle => 0x8000_0018,
            Self::InvalCallState => 0x8000_001C,
            Self::InvalLineHandle => 0x8000_002B,
            Self::InvalLineState => 0x8000_002C,
            Self::InvalParam => 0x8000_0032,
            Self::NotOwner => 0x8000_0046,
            Self::NotRegistered => 0x8000_0047,
            Self::OperationFailed => 0x8000_0048,
            Self::OperationUnavail => 0x8000_0049,
            Self::ResourceUnavail => 0x8000_004B,
            Self::Uninitialized => 0x8000_0050,
        }
    }

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
