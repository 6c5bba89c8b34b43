//! The rules of the switch, one test each, in virtual time.

mod applications;
mod basic;
mod calling_back;
mod camping;
mod completing;
mod conference;
mod dialling;
mod digits;
mod explore;
mod forks;
mod forwarding;
mod holding;
mod limits;
mod ownership;
mod parking;
mod picking_up;
mod random;
mod redirecting;
mod referring;
mod relay;
mod sequences;
mod swapping;
mod tables;
mod transferring;
mod translation;
mod watching;
