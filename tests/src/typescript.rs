//! TypeScript types out of the OpenRPC document.

use serde_json::{Map, Value};
use std::fmt::Write;

/// A module of types for everything in `document`.
pub fn types(document: &Value) -> String {
    let mut out = String::from(
        "// Types of stinad's protocol, generated from `rpc.discover`.\n\
         // Kept fresh by a test; to write it anew: STINA_UPDATE=1 cargo test -p stina-tests typescript\n\n",
    );
    let empty = Map::new();
    let schemas = document["components"]["schemas"].as_object().unwrap_or(&empty);
    for (name, part) in GENERIC {
        let schema = schemas.get(*name).unwrap_or(&Value::Null);
        comment(&mut out, "", schema);
        let _ = writeln!(out, "export type {name}<T> = {};\n", ty(&with_parameter(schema, part), "", &empty));
    }
    for (name, schema) in schemas.iter().filter(|(name, _)| generic(name).is_none()) {
        comment(&mut out, "", schema);
        let _ = writeln!(out, "export type {name} = {};\n", ty(schema, "", schemas));
    }
    out.push_str("/** Params and result of every method, by name. */\nexport interface Methods {\n");
    let mut notifications = Vec::new();
    for method in document["methods"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "  /** {} */", method["summary"].as_str().unwrap_or_default());
        let _ = writeln!(out, "  {}: {{", method["name"]);
        out.push_str("    params: {\n");
        for param in method["params"].as_array().into_iter().flatten() {
            comment(&mut out, "      ", param);
            let optional = if param["required"] == true { "" } else { "?" };
            let name = param["name"].as_str().unwrap_or_default();
            let _ = writeln!(out, "      {name}{optional}: {};", ty(&param["schema"], "      ", schemas));
        }
        let _ = writeln!(
            out,
            "    }};\n    result: {};\n  }};",
            ty(&method["result"]["schema"], "    ", schemas)
        );
        notifications.extend(method["x-notification"]["method"].as_str());
    }
    out.push_str("}\n\n/** Params of every notification, by method. */\nexport interface Notifications {\n");
    for name in notifications {
        let _ = writeln!(out, "  {name:?}: {{ subscription: number; result: SubscriptionEvent }};");
    }
    out.push_str("}\n");
    out
}

/// An object of which nothing more is known.
const ANY_OBJECT: &str = "Record<string, unknown>";

/// Types that JSON Schema has once for each type that they are of, by a number behind their name; and where in them
/// that type is.
const GENERIC: &[(&str, &str)] = &[("Page", "/properties/items/items"), ("Reply", "/properties/value")];

/// The generic type that a name stands for, and where its parameter is.
fn generic(name: &str) -> Option<&'static (&'static str, &'static str)> {
    GENERIC.iter().find(|(generic, _)| {
        name.strip_prefix(generic).is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// A schema with `T` at a place.
fn with_parameter(schema: &Value, part: &str) -> Value {
    let mut schema = schema.clone();
    if let Some(at) = schema.pointer_mut(part) {
        let description = at["description"].take();
        *at = serde_json::json!({"$ref": "T", "description": description});
    }
    schema
}

fn comment(out: &mut String, indent: &str, schema: &Value) {
    if let Some(text) = schema["description"].as_str().filter(|text| !text.is_empty()) {
        let text = text.replace("*/", "* /").split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(out, "{indent}/** {text} */");
    }
}

fn ty(schema: &Value, indent: &str, schemas: &Map<String, Value>) -> String {
    let Some(object) = schema.as_object() else { return "unknown".to_owned() };
    if let Some(name) = object.get("$ref").and_then(Value::as_str) {
        let name = name.rsplit('/').next().unwrap_or_default();
        let of = generic(name).and_then(|(generic, part)| Some((generic, schemas.get(name)?.pointer(part)?)));
        return match of {
            Some((generic, of)) => format!("{generic}<{}>", ty(of, indent, schemas)),
            None => name.to_owned(),
        };
    }
    let literals = |values: &[Value]| values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    let union = |of: &Value, with: &str| -> Option<String> {
        let mut parts: Vec<String> = of.as_array()?.iter().map(|s| ty(s, indent, schemas)).collect();
        // Known names, and any other: a plain `string` would make TypeScript forget the names.
        if parts.iter().any(|part| part.starts_with('"')) {
            parts
                .iter_mut()
                .filter(|part| *part == "string")
                .for_each(|part| *part = "(string & {})".to_owned());
        }
        Some(parts.join(with))
    };
    if let Some(value) = object.get("const") {
        return value.to_string();
    }
    if let Some(values) = object.get("enum").and_then(Value::as_array) {
        return literals(values);
    }
    let mut parts: Vec<String> = Vec::new();
    let mut unions = Vec::new();
    for (word, with) in [("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")] {
        let Some(joined) = object.get(word).and_then(|of| union(of, with)) else { continue };
        if with == " | " && joined.contains(with) {
            unions.push(parts.len());
        }
        parts.push(joined);
    }
    let names: Vec<&str> = match object.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let own: Vec<String> = names.iter().map(|name| of_type(name, object, indent, schemas)).collect();
    let says_nothing_new = own.is_empty() || (own == [ANY_OBJECT] && !parts.is_empty());
    if !says_nothing_new {
        parts.push(own.join(" | "));
    }
    if parts.len() > 1 {
        unions.into_iter().for_each(|at| parts[at] = format!("({})", parts[at]));
    }
    if parts.is_empty() { "unknown".to_owned() } else { parts.join(" & ") }
}

fn of_type(name: &str, schema: &Map<String, Value>, indent: &str, schemas: &Map<String, Value>) -> String {
    match name {
        "integer" | "number" => "number".to_owned(),
        "array" => {
            let item = schema.get("items").map_or("unknown".to_owned(), |items| ty(items, indent, schemas));
            if item.contains([' ', '\n']) { format!("Array<{item}>") } else { format!("{item}[]") }
        }
        "object" => of_object(schema, indent, schemas),
        other => other.to_owned(),
    }
}

fn of_object(schema: &Map<String, Value>, indent: &str, schemas: &Map<String, Value>) -> String {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return match schema.get("additionalProperties") {
            Some(of @ Value::Object(_)) => format!("Record<string, {}>", ty(of, indent, schemas)),
            _ => ANY_OBJECT.to_owned(),
        };
    };
    let inner = format!("{indent}  ");
    let mut out = String::from("{\n");
    for (name, property) in properties {
        comment(&mut out, &inner, property);
        let optional = if required.contains(&name.as_str()) { "" } else { "?" };
        let _ = writeln!(out, "{inner}{name}{optional}: {};", ty(property, &inner, schemas));
    }
    out + indent + "}"
}
