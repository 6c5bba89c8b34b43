//! How events stand in the contract: a schema of its own for each type, which `type` tells apart.

use std::borrow::Cow;

use serde_json::Value;
use utoipa::openapi::schema::{KnownFormat, SchemaFormat};
use utoipa::openapi::{Discriminator, Object, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::event::{Event, Kind};

/// `oneOf` what follows, by `type`.
impl PartialSchema for Event {
    fn schema() -> RefOr<Schema> {
        let mut by_type = Discriminator::new("type");
        let mut events = OneOfBuilder::new().description(Some(
            "One event. `seq` grows by one with each, over all restarts of the engine too; a client that was away resumes with `?after=SEQ`.",
        ));
        for (type_name, name, _) in types() {
            let reference = Ref::from_schema_name(&name);
            by_type.mapping.insert(type_name, reference.ref_location.clone());
            events = events.item(reference);
        }
        RefOr::T(Schema::OneOf(events.discriminator(Some(by_type)).build()))
    }
}

impl ToSchema for Event {
    fn name() -> Cow<'static, str> {
        "Event".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Kind::schemas(schemas);
        schemas.extend(types().into_iter().map(|(_, name, object)| (name, RefOr::T(Schema::Object(object)))));
    }
}

/// Of each type of event: its word, the name of its schema (`call-state`, `CallStateEvent`) and what it carries, `seq` with it.
fn types() -> Vec<(String, String, Object)> {
    let RefOr::T(Schema::OneOf(kinds)) = Kind::schema() else { return Vec::new() };
    let objects = kinds.items.into_iter().filter_map(|kind| match kind {
        RefOr::T(Schema::Object(object)) => Some(object),
        RefOr::T(_) | RefOr::Ref(_) => None,
    });
    objects
        .filter_map(|mut object| {
            let type_name = type_name(&object)?;
            let seq = ObjectBuilder::new()
                .schema_type(Type::Integer)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                .minimum(Some(0))
                .description(Some("Its number."));
            object.properties.insert("seq".to_owned(), seq.into());
            object.required.push("seq".to_owned());
            let name = schema_name(&type_name);
            Some((type_name, name, object))
        })
        .collect()
}

fn type_name(object: &Object) -> Option<String> {
    let RefOr::T(Schema::Object(property)) = object.properties.get("type")? else { return None };
    property.enum_values.as_ref()?.first().and_then(Value::as_str).map(str::to_owned)
}

/// `call-state` → `CallStateEvent`.
fn schema_name(type_name: &str) -> String {
    let words = type_name.split('-').map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
    words.collect::<String>() + "Event"
}
