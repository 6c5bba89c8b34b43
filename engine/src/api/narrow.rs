//! What the types of arguments do not say of themselves: which words there are, how long a text is, how far a number goes. Written into
//! the schemas, so that who generates from them sends nothing that is refused for its form.

use serde_json::{Map, Value, json};
use trunkline_sip::package::message_summary::COUNT_MAX;

use super::arguments::TEXT_BYTES_MAX;
use super::asyncapi::SCHEMAS;
use crate::config::TOKEN_HOURS_MAX;
use crate::switch::{
    ADDRESS_STATES, CALL_DATA_BYTES_MAX, CallPrivilege, CompletionMode, DigitMode, ForwardMode, GATHERED_MAX,
    LINE_STATES, MediaMode,
};
use crate::translate::TranslateOptions;

/// What a field takes.
enum Takes {
    /// One of these words; of a list, each item.
    Word(Vec<&'static str>),
    /// A text without control characters.
    Text,
    /// Octets in hexadecimal, so many at most.
    Octets(usize),
    /// A number in this range.
    Number(u64, u64),
    /// What this regular expression describes.
    Pattern(&'static str),
}

fn rules() -> Vec<(&'static str, &'static str, Takes)> {
    let media_modes = || Takes::Word(MediaMode::ALL.map(MediaMode::name).into());
    let digit_modes = || Takes::Word(vec![DigitMode::Dtmf.name(), DigitMode::DtmfEnd.name()]);
    let call = || Takes::Pattern("^c[0-9]{1,20}$");
    let completion =
        [CompletionMode::CampOn, CompletionMode::Callback, CompletionMode::Intrude, CompletionMode::Message];
    vec![
        ("AddToConference", "consult", call()),
        ("CompleteCall", "mode", Takes::Word(completion.map(CompletionMode::name).into())),
        ("CompleteTransfer", "consult", call()),
        ("CompleteTransfer", "mode", Takes::Word(vec!["transfer", "conference"])),
        ("Consult", "to", Takes::Text),
        ("Dial", "digits", Takes::Text),
        ("ForwardItem", "caller", Takes::Text),
        ("ForwardItem", "destination", Takes::Text),
        ("ForwardItem", "mode", Takes::Word(ForwardMode::ALL.map(ForwardMode::name).into())),
        ("GatherDigits", "count", Takes::Number(1, GATHERED_MAX.into())),
        ("GatherDigits", "first_digit_timeout_ms", Takes::Number(0, 3_600_000)),
        ("GatherDigits", "inter_digit_timeout_ms", Takes::Number(0, 3_600_000)),
        ("GatherDigits", "termination_digits", Takes::Pattern("^[0-9A-D*#]{0,16}$")),
        ("GenerateDigits", "digits", Takes::Text),
        ("GenerateDigits", "mode", digit_modes()),
        ("Handoff", "app", Takes::Text),
        ("Handoff", "media_mode", media_modes()),
        ("MakeCall", "call_data", Takes::Octets(8_192)),
        ("MakeCall", "calling_party", Takes::Text),
        ("MakeCall", "to", Takes::Text),
        ("MakeCall", "user_user", Takes::Octets(8_192)),
        ("MakeToken", "hours", Takes::Number(1, TOKEN_HOURS_MAX.into())),
        ("MediaModes", "media_modes", media_modes()),
        ("MonitorDigits", "modes", digit_modes()),
        ("Octets", "data", Takes::Octets(CALL_DATA_BYTES_MAX)),
        (
            "OpenLine",
            "privilege",
            Takes::Word(
                [CallPrivilege::None, CallPrivilege::Monitor, CallPrivilege::Owner]
                    .map(CallPrivilege::name)
                    .into(),
            ),
        ),
        ("OpenLine", "media_modes", media_modes()),
        ("Park", "mode", Takes::Word(vec!["directed", "nondirected"])),
        ("Park", "to", Takes::Text),
        ("Pickup", "from", Takes::Text),
        ("Pickup", "group", Takes::Text),
        ("Quality", "level", Takes::Word(vec!["needed", "if-available", "best-effort"])),
        ("SetAppPriority", "media_mode", media_modes()),
        ("SetAppPriority", "priority", Takes::Number(0, 1)),
        (
            "SetCallPrivilege",
            "privilege",
            Takes::Word([CallPrivilege::Monitor, CallPrivilege::Owner].map(CallPrivilege::name).into()),
        ),
        ("SetMessages", "new", Takes::Number(0, COUNT_MAX.into())),
        ("SetMessages", "old", Takes::Number(0, COUNT_MAX.into())),
        ("SetMessages", "urgent_new", Takes::Number(0, COUNT_MAX.into())),
        ("SetMessages", "urgent_old", Takes::Number(0, COUNT_MAX.into())),
        ("SetStatusMessages", "line_states", Takes::Word(LINE_STATES.into())),
        ("SetStatusMessages", "address_states", Takes::Word(ADDRESS_STATES.into())),
        ("StartFork", "authorization", Takes::Pattern("^[!-~]([ -~]*[!-~])?$")),
        ("StartFork", "url", Takes::Pattern("^[Ww][Ss][Ss]?://[!-~]+$")),
        ("StopFork", "fork", Takes::Pattern("^f[0-9]{1,20}$")),
        ("SwapHold", "with", call()),
        ("To", "to", Takes::Text),
        ("TranslateAddress", "options", Takes::Word(TranslateOptions::ALL.map(|(_, name)| name).into())),
        ("Unpark", "from", Takes::Text),
        ("UserUser", "user_user", Takes::Octets(8_192)),
    ]
}

/// Writes the rules into the schemas of the arguments.
pub(super) fn narrow(schemas: &mut Map<String, Value>) {
    for (schema, field, takes) in rules() {
        let schema = schemas.get_mut(schema).and_then(|schema| schema.get_mut("properties"));
        let Some(Value::Object(field)) = schema.and_then(|fields| fields.get_mut(field)) else { continue };
        takes.write(field);
    }
    // Who may send what we do not know sends no argument.
    let arguments =
        schemas.values_mut().filter(|schema| schema["additionalProperties"] == Value::Bool(false));
    let fields = arguments.filter_map(|schema| schema.get_mut("properties")?.as_object_mut());
    for field in fields.flat_map(Map::values_mut) {
        let kind = &field["type"];
        let is_number =
            kind == "integer" || kind.as_array().is_some_and(|kinds| kinds.contains(&json!("integer")));
        if let Value::Object(field) = field
            && is_number
            && !field.contains_key("maximum")
        {
            field.insert("maximum".to_owned(), json!(u32::MAX));
            // By its name `int32` would end at half of that.
            field.insert("format".to_owned(), json!("int64"));
        }
    }
}

/// A body that may be empty may be left out.
pub(super) fn narrow_bodies(document: &mut Value) {
    let needs: Vec<String> = match document["components"]["schemas"].as_object() {
        Some(schemas) => {
            let needs =
                |schema: &Value| schema["required"].as_array().is_some_and(|fields| !fields.is_empty());
            schemas
                .iter()
                .filter(|(_, schema)| needs(schema))
                .map(|(name, _)| format!("{SCHEMAS}{name}"))
                .collect()
        }
        None => return,
    };
    let Some(paths) = document["paths"].as_object_mut() else { return };
    let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    for body in operations.filter_map(|operation| operation.get_mut("requestBody")) {
        let schema = body["content"]["application/json"]["schema"]["$ref"].as_str();
        let is_needed = schema.is_some_and(|schema| needs.iter().any(|one| one == schema));
        if let Value::Object(body) = body {
            body.insert("required".to_owned(), is_needed.into());
        }
    }
}

/// A parameter is there or left out: no text of a query is null.
pub(super) fn narrow_parameters(paths: &mut Map<String, Value>) {
    let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    let parameters = operations.filter_map(|operation| operation.get_mut("parameters")?.as_array_mut());
    for schema in parameters.flatten().filter_map(|parameter| parameter.get_mut("schema")) {
        let some = schema.get("oneOf").and_then(Value::as_array).and_then(|kinds| {
            let mut some = kinds.iter().filter(|kind| kind["type"] != "null");
            some.next().filter(|_| kinds.len() == 2).cloned()
        });
        if let Some(some) = some {
            *schema = some;
        }
        let Value::Object(schema) = schema else { continue };
        if let Some(Value::Array(kinds)) = schema.get_mut("type") {
            kinds.retain(|kind| kind != "null");
            if let [kind] = kinds.as_slice() {
                let kind = kind.clone();
                schema.insert("type".to_owned(), kind);
            }
        }
        if schema.get("format") == Some(&json!("int64")) {
            schema.entry("maximum").or_insert_with(|| json!(i64::MAX));
        }
    }
}

impl Takes {
    fn write(self, field: &mut Map<String, Value>) {
        match self {
            Self::Word(words) => {
                let may_be_null = field.get("type").and_then(Value::as_array).is_some();
                let mut words: Vec<Value> = words.into_iter().map(Value::from).collect();
                match field.get_mut("items") {
                    Some(Value::Object(items)) => drop(items.insert("enum".to_owned(), words.into())),
                    _ => {
                        if may_be_null {
                            words.push(Value::Null);
                        }
                        field.insert("enum".to_owned(), words.into());
                    }
                }
            }
            Self::Text => {
                field.insert("maxLength".to_owned(), json!(TEXT_BYTES_MAX));
                Self::Pattern("^[^\\u0000-\\u001f\\u007f-\\u009f]*$").write(field);
            }
            Self::Octets(most) => {
                field.insert("maxLength".to_owned(), json!(2 * most));
                Self::Pattern("^([0-9A-Fa-f]{2})*$").write(field);
            }
            Self::Number(least, most) => {
                field.insert("minimum".to_owned(), json!(least));
                field.insert("maximum".to_owned(), json!(most));
            }
            Self::Pattern(pattern) => {
                field.insert("pattern".to_owned(), json!(pattern));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::openapi;
    use super::*;

    #[test]
    fn a_body_is_needed_where_a_field_is() {
        let operation = |schema: &str| {
            let schema = json!({"$ref": format!("{SCHEMAS}{schema}")});
            json!({"post": {"requestBody": {"required": true, "content": {"application/json": {"schema": schema}}}}})
        };
        let mut document = json!({
            "components": {"schemas": {"Dial": {"required": ["digits"]}, "Nothing": {}}},
            "paths": {"/dial": operation("Dial"), "/hold": operation("Nothing")},
        });
        narrow_bodies(&mut document);
        assert_eq!(document["paths"]["/dial"]["post"]["requestBody"]["required"], true);
        assert_eq!(document["paths"]["/hold"]["post"]["requestBody"]["required"], false);
    }

    #[test]
    fn no_parameter_is_null() {
        let parameter =
            |schema: Value| json!({"/v1/x": {"get": {"parameters": [{"name": "a", "schema": schema}]}}});
        for (schema, narrowed) in [
            (
                json!({"type": ["integer", "null"], "format": "int64"}),
                json!({"type": "integer", "format": "int64", "maximum": i64::MAX}),
            ),
            (json!({"oneOf": [{"type": "null"}, {"enum": ["json"]}]}), json!({"enum": ["json"]})),
            (json!({"type": "string"}), json!({"type": "string"})),
        ] {
            let mut paths = parameter(schema);
            narrow_parameters(paths.as_object_mut().unwrap());
            assert_eq!(paths, parameter(narrowed));
        }
    }

    #[test]
    fn every_rule_is_of_a_field_that_there_is() {
        let schemas = openapi::schemas().into_iter();
        let mut schemas: Map<String, Value> = schemas
            .map(|(name, schema)| (name.into_owned(), serde_json::to_value(schema).unwrap()))
            .collect();
        narrow(&mut schemas);
        for (schema, field, _) in rules() {
            let found = &schemas[schema]["properties"][field];
            assert!(found["type"].is_string() || found["type"].is_array(), "{schema}.{field}: {found}");
            let keys = ["enum", "pattern", "minimum"];
            let is_narrow = |schema: &Value| keys.iter().any(|key| schema.get(key).is_some());
            assert!(is_narrow(found) || is_narrow(&found["items"]), "{schema}.{field}: {found}");
        }
        let null = Value::Null;
        let modes = &schemas["GenerateDigits"]["properties"]["mode"]["enum"];
        assert!(modes.as_array().unwrap().contains(&null), "what may be left out may be null: {modes}");
        assert_eq!(schemas["MakeCall"]["properties"]["no_answer_timeout_s"]["maximum"], json!(u32::MAX));
    }
}
