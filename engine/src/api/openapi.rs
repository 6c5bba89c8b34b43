//! `GET /v1/openapi.json`: the contract as OpenAPI 3.1, made from the handlers and from the tables they use.

use std::collections::BTreeMap;

use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, Content, Info, ObjectBuilder, OpenApi, OpenApiBuilder, Paths, Ref, RefOr, Required, Response,
    ResponseBuilder, ResponsesBuilder, Type,
};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::operate::{Done, MAKE_CALL, MakeCall, Nothing, Submitted};
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
    for (name, schema) in [
        (Done::name(), Done::schema()),
        (MakeCall::name(), MakeCall::schema()),
        (Nothing::name(), Nothing::schema()),
        (Problem::name(), Problem::schema()),
        (Submitted::name(), Submitted::schema()),
        (TranslateAddress::name(), TranslateAddress::schema()),
        (Translated::name(), Translated::schema()),
    ] {
        components.schemas.insert(name.into_owned(), schema);
    }
    let mut paths = Paths::new();
    paths.paths.insert(
        format!("/v1/lines/{{line}}/{MAKE_CALL}"),
        operation(MAKE_CALL, "line", &MakeCall::name(), "lineMakeCall: call this address from this line."),
    );
    let summary = "lineTranslateAddress: what to dial on this line for an address, and what to show.";
    paths.paths.insert(
        format!("/v1/lines/{{line}}/{TRANSLATE_ADDRESS}"),
        operation(TRANSLATE_ADDRESS, "line", &TranslateAddress::name(), summary),
    );
    for call_operation in CallOperation::ALL {
        let name = call_operation.name();
        let summary = format!("TAPI line{}.", tapi_name(name));
        paths.paths.insert(
            format!("/v1/calls/{{call}}/{name}"),
            operation(name, "call", &Nothing::name(), &summary),
        );
    }
    let mut info = Info::new("Trunkline", env!("CARGO_PKG_VERSION"));
    info.description =
        Some("Call control with the semantics of TAPI: one bearer token is one application.".into());
    OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components))
        .security(Some([SecurityRequirement::new("token", [] as [&str; 0])]))
        .build()
}

fn operation(name: &str, target: &str, argument: &str, summary: &str) -> PathItem {
    let text = || ObjectBuilder::new().schema_type(Type::String);
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
                .response("200", answer("its LINE_REPLY came", "application/json", &Done::name()))
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
