//! The whole engine as one value in virtual time.
