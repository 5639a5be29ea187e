//! `rpc.discover`: the registry as an OpenRPC document.
//!
//! Source of the shape: <https://spec.open-rpc.org/> (1.3.2).

use super::methods::{Entry, Methods, Run};
use crate::store::JsonText;
use schemars::Schema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};
use stina_protocol::event::Event;
use stina_protocol::{Error, Fault, RequestId};

/// The document.
pub(super) fn document(methods: &Methods) -> JsonText {
    let settings = || SchemaSettings::draft07().with(|s| s.definitions_path = "/components/schemas".into());
    // A member that params may omit is always present in results, though it may be null.
    let mut params = settings().into_generator();
    let mut results = settings().for_serialize().into_generator();
    let list: Vec<Value> = methods
        .by_name
        .iter()
        .map(|(name, entry)| describe(&mut params, &mut results, name, entry))
        .collect();
    results.subschema_for::<Event>();
    results.subschema_for::<Fault>();
    let kinds = methods.entities.iter();
    let kinds: Vec<(&str, Value)> =
        kinds.map(|kind| (kind.name, (kind.schema)(&mut results).to_value())).collect();
    let mut schemas = params.take_definitions(true);
    schemas.extend(results.take_definitions(true));
    for (name, members, nullable) in
        [("Change", &["value"][..], false), ("LogChange", &["before", "after"], true)]
    {
        if let Some(schema) = schemas.get_mut(name) {
            *schema = by_entity(schema, members, nullable, &kinds);
        }
    }
    let document = json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "stinad",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JSON-RPC 2.0 over a Unix socket. Params go by name. Times are milliseconds since the Unix epoch.",
        },
        "methods": list,
        "components": { "schemas": schemas, "errors": errors() },
    });
    JsonText::assembled(without_links(&document.to_string()))
}

/// The schema of a change, whose `members` are entities of the kind that `entity` names: one alternative for each kind, so
/// that a program that checks `entity` knows the type of the members. Where they are not nullable, a put has them and a
/// delete does not.
fn by_entity(change: &Value, members: &[&str], nullable: bool, kinds: &[(&str, Value)]) -> Value {
    let mut alternatives = Vec::new();
    for (name, entity) in kinds {
        let mut change = change.clone();
        let properties = &mut change["properties"];
        properties["entity"] = json!({ "type": "string", "const": name });
        if nullable {
            for member in members {
                let description = properties[*member]["description"].take();
                properties[*member] =
                    json!({ "description": description, "anyOf": [entity, { "type": "null" }] });
            }
            alternatives.push(change);
            continue;
        }
        let (mut put, mut delete) = (change.clone(), change);
        put["properties"]["op"] = json!({ "type": "string", "const": "put" });
        delete["properties"]["op"] = json!({ "type": "string", "const": "delete" });
        for member in members {
            let description = put["properties"][*member]["description"].take();
            put["properties"][*member] = json!({ "description": description, "allOf": [entity] });
            put["required"].as_array_mut().into_iter().for_each(|names| names.push(json!(member)));
            delete["properties"].as_object_mut().and_then(|properties| properties.remove(*member));
        }
        alternatives.extend([put, delete]);
    }
    json!({ "description": change["description"], "oneOf": alternatives })
}

/// Removes links between pages of rustdoc, such as [`Fault`], which mean nothing outside; their text stays.
fn without_links(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        out.push_str(before);
        let is_path = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:!".contains(&b));
        let Some((name, after)) = link.split_once("`]").filter(|(name, _)| is_path(name)) else {
            out.push_str("[`");
            rest = link;
            continue;
        };
        out.extend(["`", name, "`"]);
        let target = after.strip_prefix('(').and_then(|target| target.split_once(')'));
        rest = target.map_or(after, |(_, after)| after);
    }
    out + rest
}

fn describe(params: &mut SchemaGenerator, results: &mut SchemaGenerator, name: &str, entry: &Entry) -> Value {
    let request_id = params.subschema_for::<RequestId>();
    let (params, result) = (entry.describe)(params, results);
    let mut params = content_descriptors(&params);
    if entry.mutates {
        params.push(json!({
            "name": "requestId",
            "required": false,
            "description": "Makes the write happen once: a repeat with the same id changes nothing and gets the same answer.",
            "schema": request_id,
        }));
    }
    let by_position = matches!(entry.run, Run::Unsubscribe);
    let mut method = json!({
        "name": name,
        "summary": entry.summary,
        "paramStructure": if by_position { "either" } else { "by-name" },
        "params": params,
        "result": { "name": "result", "schema": result },
    });
    if let (Some(event), Some(method)) = (entry.event, method.as_object_mut()) {
        method.insert(
            "x-notification".to_owned(),
            json!({ "method": event, "schema": { "$ref": "#/components/schemas/SubscriptionEvent" } }),
        );
    }
    method
}

/// Each property of a params object as a content descriptor.
fn content_descriptors(params: &Schema) -> Vec<Value> {
    let empty = Map::new();
    let properties = params.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let required: Vec<&str> = params
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let mut descriptors: Vec<Value> = properties
        .iter()
        .map(|(name, schema)| {
            let description = schema.get("description").cloned().unwrap_or_default();
            json!({
                "name": name,
                "required": required.contains(&name.as_str()),
                "description": description.as_str().unwrap_or_default(),
                "schema": schema,
            })
        })
        .collect();
    // Required ones first: OpenRPC wants optional params last.
    descriptors.sort_by_key(|d| d["required"] != Value::Bool(true));
    descriptors
}

/// One example of each kind of error.
fn errors() -> Value {
    let all = [
        Error::invalid("field", "reason"),
        Error::not_found("entity", "id"),
        Error::already_exists("entity", "id"),
        Error::Conflict { current: None },
        Error::RequestMismatch,
        Error::Compacted { oldest_rev: 1 },
        Error::TooLarge { limit: 1 },
        Error::Busy,
        Error::StorageFull,
        Error::ReadOnly,
        Error::Corrupt,
        Error::Io,
        Error::ShuttingDown,
        Error::Unsupported { what: "what".to_owned() },
        Error::Internal,
    ];
    let entries = all.into_iter().filter_map(|error| {
        let data = serde_json::to_value(&error).ok()?;
        let kind = data.get("kind")?.as_str()?.to_owned();
        Some((kind, json!({ "code": error.code(), "message": error.to_string(), "data": data })))
    });
    Value::Object(entries.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_removed_and_nothing_else() {
        for (text, expected) in [
            ("Answer of [`Find`](super::Find).", "Answer of `Find`."),
            ("[`a::b`] (not [`c`])", "`a::b` (not `c`)"),
            ("matches in `[` and `]`, [`Hit`]", "matches in `[` and `]`, `Hit`"),
            ("[`open", "[`open"),
        ] {
            assert_eq!(without_links(text), expected);
        }
    }
}
