//! A JSON schema of the configuration (draft 2020-12), made of what the reader asks for: editors complete and check by it.

use serde_json::{Map, Value, json};

use super::keys::{Either, Key, Table, choice, tables};
use crate::config::Kind;

/// The schema, as text.
pub(crate) fn text() -> String {
    let mut text = serde_json::to_string_pretty(&schema(&tables())).unwrap_or_default();
    text.push('\n');
    text
}

fn schema(tables: &[Table]) -> Value {
    let mut properties = Map::new();
    for table in tables.iter().filter(|table| !table.name.contains('.')) {
        let object = object(table, tables);
        let list = json!({ "type": "array", "items": object });
        let value = match (table.header.starts_with("[["), table.is_one_or_more) {
            (true, _) => list,
            (false, true) => json!({ "anyOf": [object, list] }),
            (false, false) => object,
        };
        properties.insert(table.name.clone(), value);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "trunkline.toml",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn object(table: &Table, tables: &[Table]) -> Value {
    let mut properties: Map<String, Value> =
        table.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    for inner in tables {
        if inner.name.rsplit_once('.').is_some_and(|(outer, _)| outer == table.name) {
            let name = inner.name.rsplit('.').next().unwrap_or_default();
            properties.insert(name.to_owned(), object(inner, tables));
        }
    }
    let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    let required: Vec<&str> = table.keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    let either: Vec<Value> = table.either.iter().map(|either| json!({ "anyOf": one_of(either) })).collect();
    if !either.is_empty() {
        object["allOf"] = json!(either);
    }
    if !table.prose.is_empty() {
        object["description"] = json!(table.prose);
    }
    object
}

fn one_of(either: &Either) -> Vec<Value> {
    let keys = either.keys.iter().map(|key| json!({ "required": [key] }));
    let unless = either.unless.iter().map(|(key, word)| {
        let properties = Map::from_iter([((*key).to_owned(), json!({ "const": word }))]);
        json!({ "required": [key], "properties": properties })
    });
    keys.chain(unless).collect()
}

fn property(key: &Key) -> Value {
    let mut value = of_kind(&key.kind);
    if !key.inner.is_empty() {
        let properties: Map<String, Value> =
            key.inner.iter().map(|inner| (inner.name.to_owned(), of_kind(&inner.kind))).collect();
        value["items"] = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        let required: Vec<&str> =
            key.inner.iter().filter(|inner| inner.is_required).map(|inner| inner.name).collect();
        if !required.is_empty() {
            value["items"]["required"] = json!(required);
        }
    }
    if let Some(words) = choice(&key.right).filter(|_| key.kind == Kind::String) {
        value["enum"] = json!(words);
    }
    let restart = if key.is_reloaded { "" } else { "Only a restart changes it." };
    let told: Vec<&str> = [key.prose.as_str(), restart].into_iter().filter(|text| !text.is_empty()).collect();
    if !told.is_empty() {
        value["description"] = json!(told.join(" "));
    }
    if key.is_default {
        let toml = format!("it = {}", key.example);
        let parsed =
            toml::from_str::<Map<String, Value>>(&toml).ok().and_then(|mut table| table.remove("it"));
        if let Some(default) = parsed {
            value["default"] = default;
        }
    }
    value
}

fn of_kind(kind: &Kind) -> Value {
    let integer = |range: &std::ops::RangeInclusive<u32>| json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() });
    match kind {
        Kind::Any => json!({}),
        Kind::String => json!({ "type": "string" }),
        Kind::Strings => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::StringOrStrings => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        Kind::Integer(range) => integer(range),
        Kind::Integers(range) => json!({ "type": "array", "items": integer(range) }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Table => json!({ "type": "object" }),
        Kind::Tables | Kind::TableOrTables => json!({ "type": "array" }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::super::configuration::EXAMPLE;
    use super::super::reference;
    use super::*;

    /// What of a schema this project uses, checked.
    fn fits(value: &Value, schema: &Value) -> bool {
        let is = |name: &Value| match name.as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_u64(),
            _ => false,
        };
        let kind = schema.get("type").is_none_or(|kind| match kind.as_array() {
            Some(kinds) => kinds.iter().any(is),
            None => is(kind),
        });
        let number = value.as_u64();
        let least =
            schema["minimum"].as_u64().is_none_or(|least| number.is_some_and(|number| number >= least));
        let most = schema["maximum"].as_u64().is_none_or(|most| number.is_some_and(|number| number <= most));
        let word = schema["enum"].as_array().is_none_or(|words| words.contains(value));
        let same = schema.get("const").is_none_or(|word| word == value);
        let some = schema["anyOf"].as_array().is_none_or(|any| any.iter().any(|schema| fits(value, schema)));
        let all = schema["allOf"].as_array().is_none_or(|all| all.iter().all(|schema| fits(value, schema)));
        let items = match (value.as_array(), schema.get("items")) {
            (Some(items), Some(schema)) => items.iter().all(|item| fits(item, schema)),
            _ => true,
        };
        let members = match (value.as_object(), schema.get("properties")) {
            (Some(members), Some(known)) => members.iter().all(|(name, value)| match known.get(name) {
                Some(schema) => fits(value, schema),
                None => schema.get("additionalProperties") != Some(&Value::Bool(false)),
            }),
            _ => true,
        };
        let needed = schema["required"].as_array().into_iter().flatten();
        let has_all = value
            .as_object()
            .is_none_or(|it| needed.flat_map(Value::as_str).all(|name| it.contains_key(name)));
        kind && least && most && word && same && some && all && items && members && has_all
    }

    fn is_valid(text: &str) -> bool {
        fits(&toml::from_str::<Value>(text).unwrap(), &schema(&tables()))
    }

    #[test]
    fn the_example_fits_the_schema() {
        assert!(is_valid(EXAMPLE));
        assert!(is_valid("[[line]]\naddress = \"500\"\nkind = \"local\"\n"));
        assert!(is_valid("[location]\nname = \"Berlin\"\n") && is_valid("[[location]]\nname = \"Berlin\"\n"));
    }

    /// What files of the documentation show as parts of a configuration.
    fn shown_in(directory: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                shown_in(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).unwrap();
                let parts = text.split("```toml\n").skip(1).filter_map(|part| part.split_once("```"));
                found.extend(parts.map(|(part, _)| (path.clone(), part.to_owned())));
            }
        }
    }

    /// The same, where the rest of the file has what is missing.
    fn of_a_part(schema: Value) -> Value {
        match schema {
            Value::Object(members) => {
                let is_demand =
                    |name: &str, value: &Value| ["required", "allOf"].contains(&name) && value.is_array();
                let kept = members.into_iter().filter(|(name, value)| !is_demand(name, value));
                Value::Object(kept.map(|(name, value)| (name, of_a_part(value))).collect())
            }
            Value::Array(items) => Value::Array(items.into_iter().map(of_a_part).collect()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema,
        }
    }

    #[test]
    fn what_the_documentation_shows_fits_the_schema() {
        let mut found = Vec::new();
        shown_in(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs"), &mut found);
        assert!(found.len() > 20, "{}", found.len());
        let schema = of_a_part(schema(&tables()));
        for (path, part) in found {
            let value = toml::from_str::<Value>(&part).unwrap();
            assert!(fits(&value, &schema), "{}: {part}", path.display());
        }
    }

    #[test]
    fn what_the_reader_refuses_does_not_fit() {
        for wrong in [
            "[media]\ndscp = 64\n",
            "[media]\ncontinuity = 1\n",
            "[media]\nkernel = \"perhaps\"\n",
            "[sip]\nlisten = 5060\n",
            "[sip]\nlissen = \"udp:0.0.0.0:5060\"\n",
            "[[line]]\nname = \"nobody\"\n",
            "[line]\naddress = \"1001\"\n",
            "[[line]]\naddress = \"1001\"\n",
            "[[app]]\nname = \"crm\"\nlines = [\"*\"]\n",
            "[[trunk]]\nname = \"carrier\"\npeer = \"udp:192.0.2.1\"\nrewrite_out = [{ match = \"^0\" }]\n",
            "[[phone]]\nmac = \"00:15:65:12:34:56\"\nbrand = \"yealink\"\nlines = [\"1001\"]\nkeys = [{ kynd = \"blf\" }]\n",
        ] {
            assert!(!is_valid(wrong), "{wrong}");
            assert!(crate::Config::parse_alone(Path::new("t.toml"), wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_reader_and_the_example_know_the_same_keys() {
        assert_eq!(
            super::super::keys::differences(),
            Vec::<String>::new(),
            "write them into trunkline.example.toml"
        );
    }

    #[test]
    fn what_is_committed_is_what_the_reader_asks_for() {
        let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs");
        for (name, made) in
            [("trunkline.schema.json", text()), ("configuration.md", reference::page(&tables()))]
        {
            let path = docs.join(name);
            if std::env::var_os("TRUNKLINE_BLESS").is_some() {
                fs::write(&path, &made).unwrap();
            }
            let committed = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(committed, made, "docs/{name} differs; look, then run with TRUNKLINE_BLESS=1");
        }
    }

    #[test]
    fn words_are_a_choice_where_nothing_else_is_said() {
        let words = |right| choice(right).unwrap_or_default();
        assert_eq!(words("write \"auto\", \"off\" or \"require\""), ["auto", "off", "require"]);
        assert_eq!(words("write \"text\" or \"json\""), ["text", "json"]);
        assert_eq!(words("write a name, as in \"a\" or \"b\""), Vec::<String>::new());
        assert_eq!(words("write \"sqlite:FILE\""), Vec::<String>::new());
        assert_eq!(words("write \"line\", \"trunk:NAME\" or \"any\""), Vec::<String>::new());
    }
}
