//! `GET /v1/records`: records of calls, the newest first, as JSON or CSV.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;
use utoipa::ToSchema;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Content, ObjectBuilder, OpenApi, RefOr, Schema, Type};

use super::Shared;
use super::access::Caller;
use super::explain::Missing;
use super::openapi::Refused;
use super::problem::Problem;
use crate::driver::records::RecordsWanted;
use crate::records::{Column, Disposition, Field, RECORD_COLUMNS, csv_line, json_object, unix_ms};
use crate::switch::LineError;
use crate::uri::asking;

/// That the records may come as CSV, too.
pub(super) fn add_csv(document: &mut OpenApi) {
    let get = document.paths.paths.get_mut("/v1/records").and_then(|path| path.get.as_mut());
    let answer = get.and_then(|get| get.responses.responses.get_mut("200"));
    if let Some(RefOr::T(answer)) = answer {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        answer.content.insert("text/csv".to_owned(), RefOr::T(Content::new(Some(text))));
    }
}

/// Who reads at once: each may look through the whole file.
pub(super) const READERS_MAX: usize = 2;

/// Records of a page, where nobody says how many.
const PAGE: usize = 100;

/// The longest page.
const PAGE_MAX: usize = 1_000;

/// What may stand behind the `?`.
#[derive(Deserialize)]
pub(super) struct Question {
    from: Option<String>,
    to: Option<String>,
    line: Option<String>,
    disposition: Option<String>,
    limit: Option<String>,
    after: Option<String>,
    format: Option<String>,
}

/// A record as it is answered: the columns of docs/records.md, and its number.
pub(super) struct Record;

impl utoipa::PartialSchema for Record {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Integer).description(Some("Its number."));
        let object = ObjectBuilder::new()
            .description(Some("One conversation or attempt; docs/records.md tells the fields."))
            .property("id", number)
            .required("id");
        let column = |object: ObjectBuilder, column: &Column| {
            let kind = match column.kind.split(' ').next() {
                Some("INTEGER") => Type::Integer,
                Some("REAL") => Type::Number,
                _ => Type::String,
            };
            let is_known = column.kind.ends_with("NOT NULL");
            let kind = if is_known { kind.into() } else { SchemaType::from_iter([kind, Type::Null]) };
            object.property(column.name, ObjectBuilder::new().schema_type(kind)).required(column.name)
        };
        RECORD_COLUMNS.iter().fold(object, column).build().into()
    }
}

impl ToSchema for Record {
    fn name() -> Cow<'static, str> {
        "Record".into()
    }
}

/// Records of calls, the newest first: those on whose side, either one, is a line or trunk that the application opens. `userfield` is empty
/// where that is not the line of `channel`. `format=csv`, or `Accept: text/csv`, gives CSV with a head line. A page that is not the last has
/// `Link: <...>; rel="next"` (RFC 8288).
#[utoipa::path(
    get, path = "/v1/records", operation_id = "records",
    params(
        ("from" = Option<String>, Query, pattern = r"^([0-9]{1,11}|[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)(\.[0-9]{1,9})?)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?)$", description = "those that began then or later: RFC 3339, a day, or seconds since 1970; universal time without an offset"),
        ("to" = Option<String>, Query, pattern = r"^([0-9]{1,11}|[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)(\.[0-9]{1,9})?)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?)$", description = "those that began before then"),
        ("line" = Option<String>, Query, description = "those of this line or trunk, on either side"),
        ("disposition" = Option<String>, Query, pattern = "^(ANSWERED|NO ANSWER|BUSY|FAILED|CONGESTION)$", description = "ANSWERED, NO ANSWER, BUSY, FAILED or CONGESTION"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "how many at most: 1 to 1000, 100 where it is not said"),
        ("after" = Option<i64>, Query, description = "those behind the one with this id, as the Link header has it"),
        ("format" = Option<String>, Query, pattern = "^(json|csv)$", description = "json or csv"),
    ),
    responses(
        (status = OK, description = "the records", body = Vec<Record>, headers(("Link" = String, description = "where the next page is"))),
        Refused
    )
)]
pub(super) async fn records(
    State(shared): State<Shared>,
    Caller(app): Caller,
    headers: HeaderMap,
    query: Result<Query<Question>, QueryRejection>,
) -> Result<Response, Problem> {
    let Ok(Query(question)) = query else {
        return Err(invalid("The query is no UTF-8, or says something twice."));
    };
    let is_csv = is_csv(&question, &headers)?;
    let Some(file) = shared.engine.records().cloned() else {
        let detail = "No records are kept: [records] of the configuration names no file.";
        return Err(Problem::http(StatusCode::NOT_FOUND, Missing::Configuration, detail));
    };
    let lines = match app.is_operator {
        true => None,
        false => {
            let lines = shared.engine.view(move |switch| switch.lines(app.id)).await?;
            Some(lines.into_iter().map(|line| line.address.to_string()).collect())
        }
    };
    let wanted = wanted(&question, lines)?;
    let place = Arc::clone(&shared.records).acquire_owned().await.map_err(|_| LineError::Uninitialized)?;
    let read = spawn_blocking(move || {
        let rows = file.read(&wanted);
        drop(place);
        (rows, wanted)
    });
    let (rows, wanted) = read.await.map_err(|_| LineError::OperationFailed)?;
    let mut rows = rows.map_err(|error| {
        tracing::warn!(%error, "records of calls cannot be read");
        Problem::line_error(LineError::OperationFailed, "The records cannot be read; the log says why.")
    })?;
    let more = (rows.len() == wanted.limit).then(|| rows.pop()).flatten();
    let next = more.and_then(|_| rows.last().map(|(id, _)| *id));
    if let Some(lines) = &wanted.lines {
        rows.iter_mut().for_each(|(_, fields)| hide(fields, lines));
    }
    let mut response = if is_csv { csv(rows) } else { json(rows) };
    if let Some(link) = next.and_then(|next| HeaderValue::try_from(link(&question, next)).ok()) {
        response.headers_mut().insert(HeaderName::from_static("link"), link);
    }
    Ok(response)
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::invalid(StatusCode::BAD_REQUEST, detail)
}

fn is_csv(question: &Question, headers: &HeaderMap) -> Result<bool, Problem> {
    match question.format.as_deref() {
        Some("csv") => Ok(true),
        Some("json") => Ok(false),
        Some(_) => Err(invalid("format is json or csv.").at_field("format")),
        None => {
            let accepted =
                headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("*/*");
            let mut types = accepted.split(',').map(|one| one.split(';').next().unwrap_or_default().trim());
            Ok(types.next().is_some_and(|first| first.eq_ignore_ascii_case("text/csv")))
        }
    }
}

/// One more than the page has, so that it is known whether there is another.
fn wanted(question: &Question, lines: Option<Vec<String>>) -> Result<RecordsWanted, Problem> {
    let moment = |name: &str, text: &Option<String>| {
        let read = |text: &String| {
            unix_ms(text).ok_or_else(|| {
                invalid(format!("{name} is a moment, as in 2026-11-23T05:45:35Z, 2026-11-23 or 1795412735."))
                    .at_field(name)
            })
        };
        text.as_ref().map(read).transpose()
    };
    let disposition = match question.disposition.as_deref() {
        None => None,
        Some(name) => {
            let found = Disposition::ALL.into_iter().find(|one| one.name().eq_ignore_ascii_case(name));
            let names = Disposition::ALL.map(Disposition::name).join(", ");
            Some(
                found
                    .ok_or_else(|| {
                        invalid(format!("disposition is one of {names}.")).at_field("disposition")
                    })?
                    .name(),
            )
        }
    };
    let limit = match question.limit.as_deref().map(str::parse) {
        None => PAGE,
        Some(Ok(limit)) if (1..=PAGE_MAX).contains(&limit) => limit,
        Some(_) => return Err(invalid(format!("limit is a number from 1 to {PAGE_MAX}.")).at_field("limit")),
    };
    let before = question.after.as_deref().map(str::parse).transpose();
    let no_id = |_| invalid("after is the id of a record, as the Link header has it.").at_field("after");
    let before = before.map_err(no_id)?;
    let (from_ms, to_ms) = (moment("from", &question.from)?, moment("to", &question.to)?);
    let line = question.line.clone();
    Ok(RecordsWanted { from_ms, to_ms, line, disposition, lines, before, limit: limit + 1 })
}

/// What an application has said about a call is not for those who see the other side alone.
fn hide(fields: &mut [Field], lines: &[String]) {
    let place = |name: &str| RECORD_COLUMNS.iter().position(|column| column.name == name);
    let (Some(account), Some(userfield)) = (place("accountcode"), place("userfield")) else { return };
    let is_own = matches!(&fields[account], Field::Text(line) if lines.contains(line));
    if !is_own {
        fields[userfield] = Field::Text(String::new());
    }
}

fn json(rows: Vec<(i64, Vec<Field>)>) -> Response {
    let object = |(id, fields): (i64, Vec<Field>)| {
        let mut object: Map<String, Value> = json_object(&RECORD_COLUMNS, fields);
        object.insert("id".to_owned(), Value::from(id));
        Value::Object(object)
    };
    Json(rows.into_iter().map(object).collect::<Vec<_>>()).into_response()
}

fn csv(rows: Vec<(i64, Vec<Field>)>) -> Response {
    let head = RECORD_COLUMNS.iter().map(|column| Field::Text(column.name.to_owned()));
    let mut text = csv_line([Field::Text("id".to_owned())].into_iter().chain(head));
    for (id, fields) in rows {
        text += &csv_line([Field::Integer(id)].into_iter().chain(fields));
    }
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")], text).into_response()
}

/// The same question behind a record.
fn link(question: &Question, next: i64) -> String {
    let Question { from, to, line, disposition, limit, after: _, format } = question;
    let next = Some(next.to_string());
    let asked = [
        ("from", from),
        ("to", to),
        ("line", line),
        ("disposition", disposition),
        ("limit", limit),
        ("format", format),
        ("after", &next),
    ];
    let said = asked.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    format!("<{}>; rel=\"next\"", asking("/v1/records", said))
}
