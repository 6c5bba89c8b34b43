//! `GET /v1/asyncapi.json`: what comes by WebSocket as AsyncAPI 3.0, made of the schemas of the OpenAPI document, so that the two cannot
//! disagree.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The document; `openapi` is ours.
pub(super) fn document(openapi: &Value) -> Value {
    let schemas = &openapi["components"]["schemas"];
    let events = Channel {
        name: "events",
        schema: "Event",
        kinds: Kinds::Of("type"),
        operation: "tellEvents",
        title: "Events of the application",
        description: "The messages of the application whose token asks, each a text frame with one event, in the order of `seq`. Who was away \
                      resumes with `after`. The application sends nothing; docs/events.md says when the server closes.",
    };
    let trace = Channel {
        name: "trace",
        schema: "TraceEntry",
        kinds: Kinds::Of("kind"),
        operation: "tellTrace",
        title: "What happens, as it happens",
        description: "SIP messages, states of calls, changes of their media and operations: of a line; of a call, with what is kept of it first; \
                      of everything for an application that opens every line as owner. Each text frame is one entry. The application sends nothing.",
    };
    let log = Channel {
        name: "log",
        schema: "LoggedLine",
        kinds: Kinds::One("line"),
        operation: "tellLog",
        title: "The log of the daemon",
        description: "The last lines of the log, then those to come, for an application that opens every line as owner. Each text frame is one \
                      line. The application sends nothing; with `follow=false` the server closes behind the last line that there is.",
    };
    let mut channels = Map::new();
    let mut operations = Map::new();
    let mut messages = Map::new();
    let mut used = BTreeMap::new();
    for channel in [events, trace, log] {
        let mut of_channel = Map::new();
        for (kind, payload) in channel.payloads(schemas) {
            collect(&payload, schemas, &mut used);
            let key = format!("{}.{kind}", channel.name);
            of_channel.insert(kind.clone(), json!({"$ref": format!("#/components/messages/{key}")}));
            let summary = payload["description"].as_str().map_or_else(|| kind.clone(), str::to_owned);
            let message = json!({
                "name": kind,
                "title": kind,
                "summary": summary,
                "contentType": "application/json",
                "payload": payload,
            });
            messages.insert(key, message);
        }
        operations.insert(
            channel.operation.to_owned(),
            json!({
                "action": "send",
                "channel": {"$ref": format!("#/channels/{}", channel.name)},
                "summary": channel.title,
            }),
        );
        channels.insert(channel.name.to_owned(), channel.described(openapi, of_channel));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": openapi["info"]["title"],
            "version": openapi["info"]["version"],
            "description": "What Trunkline tells applications by WebSocket; /v1/openapi.json describes what they ask for.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "daemon": {
                "host": "127.0.0.1:8080",
                "protocol": "ws",
                "description": "[api] listen of the configuration",
                "security": [
                    {"$ref": "#/components/securitySchemes/token"},
                    {"$ref": "#/components/securitySchemes/query"},
                ],
            },
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": used,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "query": {
                    "type": "httpApiKey",
                    "name": "access_token",
                    "in": "query",
                    "description": "where no header can be written, as in browsers",
                },
            },
        },
    })
}

/// One WebSocket.
struct Channel {
    /// The end of its path.
    name: &'static str,
    /// What each frame is.
    schema: &'static str,
    kinds: Kinds,
    operation: &'static str,
    title: &'static str,
    description: &'static str,
}

/// What kinds of frames there are.
enum Kinds {
    /// The alternatives of the schema; this of their fields says the kind.
    Of(&'static str),
    /// One, of this name.
    One(&'static str),
}

impl Channel {
    /// What a frame of each kind is.
    fn payloads(&self, schemas: &Value) -> Vec<(String, Value)> {
        let tag = match self.kinds {
            Kinds::Of(tag) => tag,
            Kinds::One(name) => return vec![(name.to_owned(), schemas[self.schema].clone())],
        };
        let variants = schemas[self.schema]["oneOf"].as_array().into_iter().flatten();
        variants
            .map(|variant| match name_of(variant) {
                Some(name) => &schemas[name],
                None => variant,
            })
            .filter_map(|variant| {
                let kind = variant["properties"][tag]["enum"][0].as_str()?.to_owned();
                Some((kind, variant.clone()))
            })
            .collect()
    }

    fn described(&self, openapi: &Value, messages: Map<String, Value>) -> Value {
        let path = format!("/v1/{}", self.name);
        let parameters = openapi["paths"][&path]["get"]["parameters"].as_array();
        let mut query = Map::new();
        for parameter in parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "query") {
            let mut schema = parameter["schema"].clone();
            if let Some(schema) = schema.as_object_mut() {
                schema.insert("description".to_owned(), parameter["description"].clone());
            }
            query.insert(parameter["name"].as_str().unwrap_or_default().to_owned(), schema);
        }
        json!({
            "address": path,
            "title": self.title,
            "description": self.description,
            "messages": messages,
            "bindings": {
                "ws": {
                    "method": "GET",
                    "query": {"type": "object", "properties": query},
                    "bindingVersion": "0.1.0",
                },
            },
        })
    }
}

/// Where schemas are, in either document.
pub(super) const SCHEMAS: &str = "#/components/schemas/";

/// Which schema a value refers to.
fn name_of(value: &Value) -> Option<&str> {
    value.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix(SCHEMAS))
}

/// Adds the schemas that a value refers to, and those that they do.
fn collect(value: &Value, schemas: &Value, used: &mut BTreeMap<String, Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, schemas, used)),
        Value::Object(fields) => {
            if let Some(name) = name_of(value)
                && !used.contains_key(name)
            {
                used.insert(name.to_owned(), schemas[name].clone());
                collect(&schemas[name], schemas, used);
            }
            fields.values().for_each(|value| collect(value, schemas, used));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
