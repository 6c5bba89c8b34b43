//! A SIP session engine with the semantics of TAPI.

pub mod config;
pub mod demo;
pub mod switch;
