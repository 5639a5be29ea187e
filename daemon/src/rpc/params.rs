//! Params: from JSON to a method's type, with an error that names the invalid field.

use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use stina_protocol::error::Result;
use stina_protocol::json::compact;
use stina_protocol::{Error, RequestId};

/// The members of a params object, with their values as text.
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Splits the params of a call into members. No params count as an empty object.
    pub(crate) fn read(params: Option<&'a RawValue>) -> Result<Self> {
        let Some(params) = params else { return Ok(Self(Vec::new())) };
        if !params.get().starts_with('{') {
            return Err(Error::invalid("", "params must be an object: they go by name"));
        }
        let mut json = serde_json::Deserializer::from_str(params.get());
        let fields = json.deserialize_map(Members).map_err(|e| Error::invalid("", reason(&e.to_string())))?;
        // A set, because a frame has room for millions of members.
        let mut names = HashSet::with_capacity(fields.len());
        if let Some((name, _)) = fields.iter().find(|(name, _)| !names.insert(name.as_ref())) {
            return Err(Error::invalid(name.as_ref(), "given twice"));
        }
        Ok(Self(fields))
    }

    /// Removes and returns `requestId`, which every mutating method takes beside its own params.
    pub(crate) fn take_request_id(&mut self) -> Result<Option<RequestId>> {
        let Some(at) = self.0.iter().position(|(name, _)| name == "requestId") else { return Ok(None) };
        let (_, value) = self.0.remove(at);
        let id = serde_json::from_str(value.get());
        id.map_err(|e| Error::invalid("requestId", reason(&e.to_string())))
    }

    /// Name and text of every member, sorted by name and without white space: equal for equal params.
    pub(crate) fn canonical(&self) -> Vec<String> {
        let mut fields: Vec<_> = self.0.iter().collect();
        fields.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        fields.into_iter().flat_map(|(name, value)| [name.to_string(), compact(value.get())]).collect()
    }

    /// The params as the method's type.
    pub(crate) fn parse<P: DeserializeOwned>(self) -> Result<P> {
        let members = self.0.iter().map(|(name, value)| (name.as_ref(), *value));
        let parsed = serde_path_to_error::deserialize(MapDeserializer::<_, serde_json::Error>::new(members));
        parsed.map_err(|error| {
            let text = error.inner().to_string();
            let path = error.path().to_string();
            let path = if path == "." { "" } else { path.as_str() };
            Error::invalid(field(path, &text), reason(&text))
        })
    }
}

/// The invalid field. For unknown and missing fields, serde's text has the name, and the path has only the parent.
fn field(path: &str, text: &str) -> String {
    let named = ["unknown field `", "missing field `"].iter().find_map(|start| text.strip_prefix(start));
    let Some(name) = named.and_then(|rest| rest.split('`').next()) else { return path.to_owned() };
    match path {
        "" => name.to_owned(),
        path if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// serde's text without the position, which counts from the beginning of the field.
fn reason(text: &str) -> String {
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_owned()
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            members.push((name, map.next_value()?));
        }
        Ok(members)
    }
}

/// A member's name, borrowed where it has no escapes. (`Cow` itself would always be owned.)
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use stina_protocol::kv::SetParams;

    fn parse(text: &str) -> std::result::Result<SetParams, String> {
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        Fields::read(Some(raw)).and_then(Fields::parse).map_err(|e| match e {
            Error::Invalid { field, reason, .. } => format!("{field}: {reason}"),
            other => other.to_string(),
        })
    }

    #[test]
    fn errors_name_the_field() {
        for (text, field) in [
            (r#"{"key":"a","value":1,"colour":2}"#, "colour: unknown field `colour`"),
            (r#"{"key":"a"}"#, "value: missing field `value`"),
            (r#"{"key":7,"value":1}"#, "key: invalid type"),
            (r#"{"key":"","value":1}"#, "key: a key has 1 to 512 bytes"),
            (r#"{"key":"a","key":"b","value":1}"#, "key: given twice"),
            (r#"{"key":"a","value":1,"ifRev":-1}"#, "ifRev: invalid value"),
            (r#"[1]"#, ": params must be an object"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(field), "{text} gave {error}");
        }
        assert_eq!(parse(r#"{"k\u0065y":"a","value":{"b": [1]}}"#).unwrap().value.get(), r#"{"b":[1]}"#);
    }

    #[test]
    fn params_of_very_many_members_are_refused_at_once() {
        let members: Vec<String> = (0..200_000).map(|i| format!("\"m{i}\":1")).collect();
        let started = std::time::Instant::now();
        assert!(parse(&format!("{{{}}}", members.join(","))).unwrap_err().starts_with("m0: unknown field"));
        assert!(
            parse(&format!("{{{},\"m7\":1}}", members.join(","))).unwrap_err().starts_with("m7: given twice")
        );
        // Comparing every pair took minutes.
        assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
    }

    #[test]
    fn canonical_params_ignore_order_and_white_space_only() {
        let canonical =
            |text: &str| Fields::read(Some(serde_json::from_str(text).unwrap())).unwrap().canonical();
        assert_eq!(canonical(r#"{"b":[1, 2],"a":"x"}"#), canonical(r#"{ "a" : "x", "b":[1,2]}"#));
        assert_ne!(canonical(r#"{"a":"x"}"#), canonical(r#"{"a":"x "}"#));
    }
}
