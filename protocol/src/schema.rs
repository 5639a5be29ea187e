//! The schemas of the types that serde does not describe: they read and write their JSON themselves.

use crate::error::{Data, Fault};
use crate::json::{Json, JsonObject};
use crate::params::With;
use crate::text::{Text, Trimmed};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

impl JsonSchema for Json {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Json".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

impl JsonSchema for JsonObject {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "JsonObject".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

impl<H: JsonSchema, F: JsonSchema> JsonSchema for With<H, F> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}With{}", H::schema_name(), F::schema_name()).into()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("{} with {}", H::schema_id(), F::schema_id()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = H::json_schema(generator);
        for key in ["properties", "required"] {
            match (schema.get_mut(key), F::json_schema(generator).remove(key)) {
                (Some(serde_json::Value::Object(has)), Some(serde_json::Value::Object(more))) => {
                    has.extend(more)
                }
                (Some(serde_json::Value::Array(has)), Some(serde_json::Value::Array(more))) => {
                    has.extend(more)
                }
                (None, Some(more)) => _ = schema.insert(key.to_owned(), more),
                _ => {}
            }
        }
        schema
    }
}

impl JsonSchema for Fault {
    fn schema_name() -> Cow<'static, str> {
        "RpcError".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The error object of a reply.",
            "type": "object",
            "properties": {
                "code": { "type": "integer", "description": "JSON-RPC code." },
                "message": { "type": "string", "description": "What happened, for people." },
                "data": generator.subschema_for::<Data>(),
            },
            "required": ["code", "message", "data"],
        })
    }
}

macro_rules! string_schema {
    ($name:ident, $min:literal) => {
        impl<const MAX: usize> JsonSchema for $name<MAX> {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                format!("{}{MAX}", stringify!($name)).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                // JSON Schema counts characters, of which a text has at most as many as bytes.
                json_schema!({ "type": "string", "minLength": $min, "maxLength": MAX })
            }
        }
    };
}

string_schema!(Text, 0);
string_schema!(Trimmed, 1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Start;
    use crate::kv::Filter;

    #[test]
    fn two_structs_are_described_as_one_object() {
        let schema = With::<Start, Filter>::json_schema(&mut SchemaGenerator::default());
        let properties = schema.get("properties").and_then(|properties| properties.as_object()).unwrap();
        assert_eq!(properties.keys().collect::<Vec<_>>(), ["credit", "epoch", "initial", "prefix", "since"]);
    }

    #[test]
    fn params_of_two_methods_have_schemas_of_their_own() {
        let mut generator = SchemaGenerator::default();
        let todo = generator.subschema_for::<crate::todo::CreateParams>();
        let memory = generator.subschema_for::<crate::memory::CreateParams>();
        assert_ne!(todo, memory);
    }
}
