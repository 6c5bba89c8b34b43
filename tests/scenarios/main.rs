//! The scenarios: each reads as a ladder.

mod basic_call;
mod completion;
mod conference;
mod dial;
mod forking;
mod forward;
mod glare;
mod hold;
mod lamps;
mod loss;
mod make_call;
mod operation;
mod park;
mod pickup;
mod privilege;
mod refer;
mod registration;
mod relay;
mod swap;
mod tcp;
mod timers;
mod torture;
mod transfer;
mod translate_address;
mod trunk;
mod workers;
