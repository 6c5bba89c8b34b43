//! `GET /v1/openapi.json`: the contract as OpenAPI 3.1, made from the handlers and from the tables they use.

use std::borrow::Cow;
use std::collections::BTreeMap;

use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, Content, Info, ObjectBuilder, OpenApi, OpenApiBuilder, Paths, Ref, RefOr, Required, Response,
    ResponseBuilder, ResponsesBuilder, Schema, Type,
};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::arguments;
use super::check_sync::CheckSync;
use super::idempotency::KEY_BYTES_MAX;
use super::messages::SetMessages;
use super::operate::{Done, LINE_OPERATIONS, SET_APP_PRIORITY, Submitted, argument_name};
use super::phones::MakeToken;
use super::problem::Problem;
use super::translate::{TRANSLATE_ADDRESS, TranslateAddress, Translated};
use crate::switch::CallOperation;

/// The answer to whatever is refused, the same for every path.
pub(super) struct Refused;

impl IntoResponses for Refused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let problem = answer("it was refused", "application/problem+json", &Problem::name());
        BTreeMap::from([("default".to_owned(), RefOr::T(problem))])
    }
}

/// What is not a handler of its own: the title, how to authenticate, and each operation.
pub(super) fn document() -> OpenApi {
    let mut components = Components::new();
    components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for (name, schema) in schemas() {
        components.schemas.insert(name.into_owned(), schema);
    }
    let mut paths = Paths::new();
    for (name, argument, summary) in LINE_OPERATIONS {
        // An id is one operation's (OpenAPI 3.1 §4.8.10): what calls have, too, has the name of the line's function there.
        let is_on_calls = CallOperation::ALL.iter().any(|operation| operation.name() == name);
        let id = if is_on_calls { format!("line-{name}") } else { name.to_owned() };
        paths.paths.insert(format!("/v1/lines/{{line}}/{name}"), operation(&id, "line", argument, summary));
    }
    let summary = "lineSetAppPriority: who is asked first to own calls of a media mode.";
    paths.paths.insert(
        format!("/v1/apps/{{app}}/{SET_APP_PRIORITY}"),
        operation(SET_APP_PRIORITY, "app", "SetAppPriority", summary),
    );
    for call_operation in CallOperation::ALL {
        let name = call_operation.name();
        let summary = match call_operation.is_tapi() {
            true => format!("TAPI line{}.", tapi_name(name)),
            false => format!("{}: an extension, TAPI 2.x has no such function.", tapi_name(name)),
        };
        let argument = argument_name(call_operation);
        paths.paths.insert(format!("/v1/calls/{{call}}/{name}"), operation(name, "call", argument, &summary));
    }
    let mut info = Info::new("Trunkline", env!("CARGO_PKG_VERSION"));
    info.description =
        Some("Call control with the semantics of TAPI: one bearer token is one application.".into());
    // The one operation that is also a read.
    let related = paths.paths.get_mut("/v1/calls/{call}/get-conf-related-calls");
    if let Some(item) = related
        && let Some(post) = &item.post
    {
        let mut get = post.clone();
        get.operation_id = Some("read-conf-related-calls".to_owned());
        get.request_body = None;
        get.responses.responses.remove("202");
        get.parameters
            .get_or_insert_default()
            .retain(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name != "Prefer"));
        item.get = Some(get);
    }
    OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components))
        .security(Some([SecurityRequirement::new("token", [] as [&str; 0])]))
        .build()
}

/// A string of RFC 8941, or the same without its quotes.
const KEY: &str = r#"^("[ !#-\[\]-~]+"|[!#-\[\]-~]([ !#-\[\]-~]*[!#-\[\]-~])?)$"#;

/// Says of each POST that it may be repeated with a key.
pub(super) fn add_idempotency(document: &mut OpenApi) {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(KEY_BYTES_MAX))
        .pattern(Some(KEY));
    let parameter = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "a string of the client's, new for each request: whoever repeats the request with it within ten minutes is given the first \
             answer, and nothing is done twice; 409 while the first is under way, 422 with another path or body \
             (draft-ietf-httpapi-idempotency-key-header)",
        ))
        .schema(Some(text))
        .build();
    for operation in document.paths.paths.values_mut().filter_map(|path| path.post.as_mut()) {
        operation.parameters.get_or_insert_default().push(RefOr::T(parameter.clone()));
    }
}

/// Puts a translation's fields among the others of [`Done`], where they stand in an answer: each may be there.
pub(super) fn add_translation(document: &mut OpenApi) {
    let schemas = document.components.as_mut().map(|components| &mut components.schemas);
    if let Some(RefOr::T(Schema::Object(done))) = schemas.and_then(|schemas| schemas.get_mut(&*Done::name()))
        && let RefOr::T(Schema::Object(translated)) = Translated::schema()
    {
        done.properties.extend(translated.properties);
    }
}

/// Says of each operation what it is about: the first word of its path, `calls`.
pub(super) fn add_tags(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let tag = path.split('/').nth(2).unwrap_or_default();
        for operation in [&mut item.get, &mut item.post, &mut item.put].into_iter().flatten() {
            operation.tags = Some(vec![tag.to_owned()]);
        }
    }
}

/// What the bodies are made of.
pub(super) fn schemas() -> Vec<(Cow<'static, str>, RefOr<Schema>)> {
    fn named<T: ToSchema>() -> Vec<(Cow<'static, str>, RefOr<Schema>)> {
        let mut all = vec![(T::name(), T::schema())];
        let mut parts = Vec::new();
        T::schemas(&mut parts);
        all.extend(parts.into_iter().map(|(name, schema)| (name.into(), schema)));
        all
    }
    [
        named::<Done>(),
        named::<Problem>(),
        named::<Submitted>(),
        named::<Translated>(),
        named::<arguments::AddToConference>(),
        named::<arguments::CompleteCall>(),
        named::<arguments::CompleteTransfer>(),
        named::<arguments::Consult>(),
        named::<arguments::Dial>(),
        named::<arguments::Forward>(),
        named::<arguments::GatherDigits>(),
        named::<arguments::GenerateDigits>(),
        named::<arguments::Handoff>(),
        named::<arguments::MakeCall>(),
        named::<arguments::MediaModes>(),
        named::<arguments::MonitorDigits>(),
        named::<arguments::Nothing>(),
        named::<arguments::Octets>(),
        named::<arguments::OpenLine>(),
        named::<arguments::Park>(),
        named::<arguments::Pickup>(),
        named::<arguments::Quality>(),
        named::<arguments::SetAppPriority>(),
        named::<arguments::SetCallPrivilege>(),
        named::<arguments::SetStatusMessages>(),
        named::<arguments::StartFork>(),
        named::<arguments::StopFork>(),
        named::<arguments::SwapHold>(),
        named::<arguments::To>(),
        named::<TranslateAddress>(),
        named::<arguments::UncompleteCall>(),
        named::<arguments::Unpark>(),
        named::<arguments::UserUser>(),
        named::<CheckSync>(),
        named::<MakeToken>(),
        named::<SetMessages>(),
    ]
    .concat()
}

fn operation(name: &str, target: &str, argument: &str, summary: &str) -> PathItem {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let done = if name == TRANSLATE_ADDRESS { Translated::name() } else { Done::name() };
    let operation = OperationBuilder::new()
        .operation_id(Some(name))
        .summary(Some(summary))
        .parameter(
            ParameterBuilder::new()
                .name(target)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(text())),
        )
        .parameter(
            ParameterBuilder::new()
                .name("Prefer")
                .parameter_in(ParameterIn::Header)
                .description(Some(
                    "respond-async: answer 202 at once, the reply comes as an event (RFC 7240)",
                ))
                .schema(Some(text())),
        )
        .request_body(Some(RequestBodyBuilder::new().content("application/json", json(argument)).build()))
        .responses(
            ResponsesBuilder::new()
                .response("200", answer("its LINE_REPLY came", "application/json", &done))
                .response(
                    "202",
                    answer("its LINE_REPLY comes as an event", "application/json", &Submitted::name()),
                )
                .responses_from_into_responses::<Refused>(),
        )
        .build();
    PathItem::new(HttpMethod::Post, operation)
}

fn answer(description: &str, media_type: &str, schema: &str) -> Response {
    ResponseBuilder::new().description(description).content(media_type, json(schema)).build()
}

fn json(schema: &str) -> Content {
    Content::new(Some(Ref::from_schema_name(schema)))
}

/// `deallocate-call` → `DeallocateCall`.
fn tapi_name(name: &str) -> String {
    let words = name.split('-').map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
    words.collect()
}
