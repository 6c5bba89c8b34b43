//! A SIP session engine with the semantics of TAPI.

pub mod switch;
