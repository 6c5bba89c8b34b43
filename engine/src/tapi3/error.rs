//! The HRESULT that a TAPI 3.x method fails with (winerror.h, tapi3err.h).

use crate::switch::{LineError, Refusal};

/// A failure of a TAPI 3.x method.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[error("{}", self.name())]
#[expect(missing_docs, reason = "each variant is the E_ or TAPI_E_ constant of its name")]
pub enum Error {
    Fail,
    InvalidArg,
    Unexpected,
    AddressBlocked,
    Allocated,
    CallUnavail,
    CompletionOverrun,
    ConferenceFull,
    DestBusy,
    DestNoAnswer,
    DestUnavail,
    DialModifierNotSupported,
    Dropped,
    InUse,
    InvalAddress,
    InvalAddressState,
    InvalAddressType,
    InvalCallParams,
    InvalCallPrivilege,
    InvalCallState,
    InvalCard,
    InvalCompletionId,
    InvalCountryCode,
    InvalDigits,
    InvalGroupId,
    InvalidMediaType,
    InvalLocation,
    InvalMessageId,
    InvalMode,
    InvalPrivilege,
    InvalTimeout,
    NoConference,
    NotInitialized,
    NotOwner,
    NotRegistered,
    OperationFailed,
    ResourceUnavail,
    TargetNotFound,
    TargetSelf,
    Timeout,
    UserUserInfoTooBig,
    WrongState,
}

impl Error {
    /// The HRESULT.
    pub const fn code(self) -> u32 {
        self.constant().1
    }

    /// The constant's name.
    pub const fn name(self) -> &'static str {
        self.constant().0
    }

    const fn constant(self) -> (&'static str, u32) {
        match self {
            Self::Fail => ("E_FAIL", 0x8000_4005),
            Self::InvalidArg => ("E_INVALIDARG", 0x8007_0057),
            Self::Unexpected => ("E_UNEXPECTED", 0x8000_FFFF),
            Self::AddressBlocked => ("TAPI_E_ADDRESSBLOCKED", 0x8004_002A),
            Self::Allocated => ("TAPI_E_ALLOCATED", 0x8004_0006),
            Self::CallUnavail => ("TAPI_E_CALLUNAVAIL", 0x8004_0007),
            Self::CompletionOverrun => ("TAPI_E_COMPLETIONOVERRUN", 0x8004_0008),
            Self::ConferenceFull => ("TAPI_E_CONFERENCEFULL", 0x8004_0009),
            Self::DestBusy => ("TAPI_E_DESTBUSY", 0x8004_0034),
            Self::DestNoAnswer => ("TAPI_E_DESTNOANSWER", 0x8004_0035),
            Self::DestUnavail => ("TAPI_E_DESTUNAVAIL", 0x8004_0036),
            Self::DialModifierNotSupported => ("TAPI_E_DIALMODIFIERNOTSUPPORTED", 0x8004_000A),
            Self::Dropped => ("TAPI_E_DROPPED", 0x8004_0031),
            Self::InUse => ("TAPI_E_INUSE", 0x8004_000B),
            Self::InvalAddress => ("TAPI_E_INVALADDRESS", 0x8004_000C),
            Self::InvalAddressState => ("TAPI_E_INVALADDRESSSTATE", 0x8004_000D),
            Self::InvalAddressType => ("TAPI_E_INVALADDRESSTYPE", 0x8004_0051),
            Self::InvalCallParams => ("TAPI_E_INVALCALLPARAMS", 0x8004_000E),
            Self::InvalCallPrivilege => ("TAPI_E_INVALCALLPRIVILEGE", 0x8004_000F),
            Self::InvalCallState => ("TAPI_E_INVALCALLSTATE", 0x8004_0010),
            Self::InvalCard => ("TAPI_E_INVALCARD", 0x8004_0011),
            Self::InvalCompletionId => ("TAPI_E_INVALCOMPLETIONID", 0x8004_0012),
            Self::InvalCountryCode => ("TAPI_E_INVALCOUNTRYCODE", 0x8004_0013),
            Self::InvalDigits => ("TAPI_E_INVALDIGITS", 0x8004_0016),
            Self::InvalGroupId => ("TAPI_E_INVALGROUPID", 0x8004_0017),
            Self::InvalidMediaType => ("TAPI_E_INVALIDMEDIATYPE", 0x8004_0004),
            Self::InvalLocation => ("TAPI_E_INVALLOCATION", 0x8004_0018),
            Self::InvalMessageId => ("TAPI_E_INVALMESSAGEID", 0x8004_0019),
            Self::InvalMode => ("TAPI_E_INVALMODE", 0x8004_001F),
            Self::InvalPrivilege => ("TAPI_E_INVALPRIVILEGE", 0x8004_0039),
            Self::InvalTimeout => ("TAPI_E_INVALTIMEOUT", 0x8004_001C),
            Self::NoConference => ("TAPI_E_NOCONFERENCE", 0x8004_0020),
            Self::NotInitialized => ("TAPI_E_NOT_INITIALIZED", 0x8004_0059),
            Self::NotOwner => ("TAPI_E_NOTOWNER", 0x8004_0023),
            Self::NotRegistered => ("TAPI_E_NOTREGISTERED", 0x8004_0024),
            Self::OperationFailed => ("TAPI_E_OPERATIONFAILED", 0x8004_0005),
            Self::ResourceUnavail => ("TAPI_E_RESOURCEUNAVAIL", 0x8004_0052),
            Self::TargetNotFound => ("TAPI_E_TARGETNOTFOUND", 0x8004_0026),
            Self::TargetSelf => ("TAPI_E_TARGETSELF", 0x8004_0027),
            Self::Timeout => ("TAPI_E_TIMEOUT", 0x8004_0044),
            Self::UserUserInfoTooBig => ("TAPI_E_USERUSERINFOTOOBIG", 0x8004_0028),
            Self::WrongState => ("TAPI_E_WRONG_STATE", 0x8004_0058),
        }
    }
}

impl From<LineError> for Error {
    fn from(error: LineError) -> Self {
        match error {
            LineError::AddressBlocked => Self::AddressBlocked,
            LineError::Allocated => Self::Allocated,
            LineError::BearerModeUnavail | LineError::ResourceUnavail => Self::ResourceUnavail,
            LineError::CallUnavail => Self::CallUnavail,
            LineError::CompletionOverrun => Self::CompletionOverrun,
            LineError::ConferenceFull => Self::ConferenceFull,
            LineError::DialBilling
            | LineError::DialDialTone
            | LineError::DialPrompt
            | LineError::DialQuiet
            | LineError::DialVoiceDetect => Self::DialModifierNotSupported,
            LineError::Disconnected => Self::Dropped,
            LineError::InUse => Self::InUse,
            LineError::InvalAddress => Self::InvalAddress,
            LineError::InvalAddressState => Self::InvalAddressState,
            LineError::InvalAddressType => Self::InvalAddressType,
            LineError::InvalCallParams => Self::InvalCallParams,
            LineError::InvalCallPrivilege => Self::InvalCallPrivilege,
            // The call is gone.
            LineError::InvalCallHandle | LineError::InvalCallState => Self::InvalCallState,
            LineError::InvalCard => Self::InvalCard,
            LineError::InvalCompletionId => Self::InvalCompletionId,
            LineError::InvalAppName
            | LineError::InvalConfCallHandle
            | LineError::InvalConsultCallHandle
            | LineError::InvalLineHandle
            | LineError::InvalParam => Self::InvalidArg,
            LineError::InvalCountryCode => Self::InvalCountryCode,
            LineError::InvalDigits => Self::InvalDigits,
            LineError::InvalGroupId => Self::InvalGroupId,
            LineError::InvalLineState => Self::WrongState,
            LineError::InvalLocation => Self::InvalLocation,
            LineError::InvalMediaMode => Self::InvalidMediaType,
            LineError::InvalMessageId => Self::InvalMessageId,
            LineError::InvalCallComplMode
            | LineError::InvalDigitMode
            | LineError::InvalParkMode
            | LineError::InvalTransferMode => Self::InvalMode,
            LineError::InvalPrivSelect => Self::InvalPrivilege,
            LineError::InvalTimeout => Self::InvalTimeout,
            LineError::NoConference => Self::NoConference,
            LineError::NotOwner => Self::NotOwner,
            LineError::NotRegistered => Self::NotRegistered,
            LineError::OperationFailed => Self::OperationFailed,
            // What the pages of Transfer, Park and others call an unsupported operation.
            LineError::OperationUnavail => Self::Fail,
            LineError::TargetNotFound => Self::TargetNotFound,
            LineError::TargetSelf => Self::TargetSelf,
            LineError::Uninitialized => Self::NotInitialized,
            LineError::UserUserInfoTooBig => Self::UserUserInfoTooBig,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        refusal.error.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_error_has_the_hresult_of_the_same_meaning() {
        for (error, name, code) in [
            (LineError::InvalCallState, "TAPI_E_INVALCALLSTATE", 0x8004_0010),
            (LineError::InvalCallHandle, "TAPI_E_INVALCALLSTATE", 0x8004_0010),
            (LineError::OperationUnavail, "E_FAIL", 0x8000_4005),
            (LineError::InvalParam, "E_INVALIDARG", 0x8007_0057),
            (LineError::NotOwner, "TAPI_E_NOTOWNER", 0x8004_0023),
            (LineError::DialQuiet, "TAPI_E_DIALMODIFIERNOTSUPPORTED", 0x8004_000A),
            (LineError::TargetSelf, "TAPI_E_TARGETSELF", 0x8004_0027),
        ] {
            let found = Error::from(error);
            assert_eq!((found.name(), found.code()), (name, code), "{error}");
        }
    }

    #[test]
    fn a_name_of_2_x_that_3_x_has_too_is_kept() {
        for error in LineError::ALL {
            let name = format!("TAPI_E_{}", error.name().to_uppercase());
            let found = Error::from(error);
            let twins = ["TAPI_E_INVALCALLHANDLE", "TAPI_E_OPERATIONUNAVAIL", "TAPI_E_UNINITIALIZED"];
            let kept = found.name() == name || found.constant().1 & 0xFFFF_0000 != 0x8004_0000;
            let renamed = ["TAPI_E_DIAL", "TAPI_E_INVAL", "TAPI_E_BEARER", "TAPI_E_DISCONNECTED"];
            let is_renamed = renamed.iter().any(|prefix| name.starts_with(prefix));
            assert!(kept || twins.contains(&&*name) || is_renamed, "{name} became {}", found.name());
        }
    }
}
