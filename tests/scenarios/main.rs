//! The scenarios: each reads as a ladder.

mod basic_call;
mod forking;
mod glare;
mod hold;
mod loss;
mod make_call;
mod operation;
mod privilege;
mod registration;
mod relay;
mod tcp;
mod timers;
mod torture;
mod translate_address;
mod trunk;
mod workers;
