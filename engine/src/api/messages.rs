//! `PUT /v1/lines/{line}/messages`: how many messages a line has.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::access::Caller;
use super::openapi::Refused;
use super::operate::{Done, ask_on_line};
use super::problem::Problem;
use crate::switch::{MessageCounts, Operation};

/// The voice messages of a line.
#[derive(Serialize, ToSchema)]
pub(super) struct Messages {
    /// Whether the lamp shines. Where it does without new messages, their number is not known.
    waiting: bool,
    /// New ones.
    #[schema(example = 2)]
    new: u16,
    /// Old ones.
    #[schema(example = 8)]
    old: u16,
    /// How many of the new ones are urgent.
    #[schema(example = 0)]
    urgent_new: u16,
    /// How many of the old ones are urgent.
    #[schema(example = 1)]
    urgent_old: u16,
}

impl From<MessageCounts> for Messages {
    fn from(counts: MessageCounts) -> Self {
        let MessageCounts { is_waiting, new, old, urgent_new, urgent_old } = counts;
        Self { waiting: is_waiting, new, old, urgent_new, urgent_old }
    }
}

/// How many messages a line has: all of it, what is left out is none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetMessages {
    /// Whether the lamp shines; left out: with new messages.
    #[serde(default)]
    #[schema(example = true)]
    waiting: Option<bool>,
    /// New ones, at most 9,999.
    #[serde(default)]
    #[schema(example = 2)]
    new: u16,
    /// Old ones, at most 9,999.
    #[serde(default)]
    #[schema(example = 8)]
    old: u16,
    /// How many of the new ones are urgent.
    #[serde(default)]
    #[schema(example = 0)]
    urgent_new: u16,
    /// How many of the old ones are urgent.
    #[serde(default)]
    #[schema(example = 1)]
    urgent_old: u16,
}

impl SetMessages {
    fn on(self, line: Arc<str>) -> Operation {
        let Self { waiting, new, old, urgent_new, urgent_old } = self;
        let is_waiting = waiting.unwrap_or(new > 0);
        Operation::SetMessages {
            line,
            counts: MessageCounts { is_waiting, new, old, urgent_new, urgent_old },
        }
    }
}

/// lineSetLineDevStatus with LINEDEVSTATUSFLAGS_MSGWAIT: its phones and applications are told how many messages the line has.
/// Kept over a restart. The application must have opened the line as owner.
#[utoipa::path(
    put, path = "/v1/lines/{line}/messages", operation_id = "set-messages", request_body = SetMessages,
    params(("line" = String, Path, description = "Its address")),
    responses((status = OK, body = Done, description = "it was taken"), Refused)
)]
pub(super) async fn set(
    State(shared): State<Shared>,
    Caller(app): Caller,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    ask_on_line((&shared, &app), "set-messages", path, request, SetMessages::on).await
}
