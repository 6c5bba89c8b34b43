//! LINECALLPRIVILEGE_.

/// What an application may do with a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CallPrivilege {
    /// No handle.
    None,
    /// May watch.
    Monitor,
    /// May change the call.
    Owner,
}

impl CallPrivilege {
    /// The suffix of the constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Monitor => "monitor",
            Self::Owner => "owner",
        }
    }

    /// The privilege of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::None, Self::Monitor, Self::Owner].into_iter().find(|privilege| privilege.name() == name)
    }
}
