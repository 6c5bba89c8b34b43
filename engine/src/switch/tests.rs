//! The rules of the switch, one test each, in virtual time.

mod basic;
