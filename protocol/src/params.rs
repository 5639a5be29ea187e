//! Params: the members of a call's object, and the types that they are parsed into.

use crate::error::{Error, Result};
use crate::json_check::compact;
use crate::types::RequestId;
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// The params type of a method.
///
/// It is a struct that serde reads by name and that refuses unknown fields (`deny_unknown_fields`), or two such structs
/// combined ([`With`]).
pub trait Params: Serialize + Send + Sized + 'static {
    /// Adds the names of its members.
    fn names(names: &mut Vec<&'static str>);

    /// Takes the members that this type has.
    ///
    /// # Errors
    /// `invalid`, naming the field.
    fn take(members: &mut Members<'_>) -> Result<Self>;

    /// Parses the params of a call; no params are an empty object.
    ///
    /// # Errors
    /// `invalid`, naming the field.
    fn read(params: Option<&RawValue>) -> Result<Self> {
        Members::read(params)?.parse()
    }
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Params for T {
    fn names(names: &mut Vec<&'static str>) {
        names.extend(fields::<T>());
    }

    fn take(members: &mut Members<'_>) -> Result<Self> {
        members.take(fields::<T>())
    }
}

/// Two structs in one JSON object: `{"id": …, "title": …, "source": …}`.
///
/// Methods share params by it. serde's `flatten` does not work here: it buffers values, which would lose the text of a
/// [`Json`](crate::Json).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct With<H, F> {
    /// The params of this method alone, such as the entity or the start.
    pub head: H,
    /// The params that it shares with other methods, or its filter.
    pub fields: F,
}

/// Sets the shared fields to their defaults.
impl<H, F: Default> From<H> for With<H, F> {
    fn from(head: H) -> Self {
        Self { head, fields: F::default() }
    }
}

impl<H: Params, F: Params> Params for With<H, F> {
    fn names(names: &mut Vec<&'static str>) {
        H::names(names);
        F::names(names);
    }

    fn take(members: &mut Members<'_>) -> Result<Self> {
        Ok(Self { head: H::take(members)?, fields: F::take(members)? })
    }
}

impl<H: Serialize, F: Serialize> Serialize for With<H, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let text = |error: serde_json::Error| serde::ser::Error::custom(error);
        let head = serde_json::to_string(&self.head).map_err(text)?;
        let fields = serde_json::to_string(&self.fields).map_err(text)?;
        RawValue::from_string(joined(&head, &fields)).map_err(text)?.serialize(serializer)
    }
}

/// Joins two JSON objects into one.
fn joined(a: &str, b: &str) -> String {
    let (a, b) = (a.strip_suffix('}').unwrap_or(a), b.strip_prefix('{').unwrap_or(b));
    let comma = if a.ends_with('{') || b.starts_with('}') { "" } else { "," };
    [a, comma, b].concat()
}

/// The members of a params object that are not taken yet, as text.
#[derive(Debug)]
pub struct Members<'a> {
    left: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Members<'a> {
    /// Splits the params of a call into members; no params are an empty object.
    ///
    /// # Errors
    /// `invalid` when the params are not an object, or have a duplicate member.
    pub fn read(params: Option<&'a RawValue>) -> Result<Self> {
        let Some(params) = params else { return Ok(Self { left: Vec::new() }) };
        if !params.get().starts_with('{') {
            return Err(Error::invalid("", "params must be an object with named members"));
        }
        let mut json = serde_json::Deserializer::from_str(params.get());
        let left =
            json.deserialize_map(MemberList).map_err(|e| Error::invalid("", reason(&e.to_string())))?;
        // A set, because comparing all pairs would be too slow: a frame has room for millions of members.
        let mut names = HashSet::with_capacity(left.len());
        if let Some((name, _)) = left.iter().find(|(name, _)| !names.insert(name.as_ref())) {
            return Err(Error::invalid(name.as_ref(), "duplicate field"));
        }
        Ok(Self { left })
    }

    /// Takes `requestId`, which every write has besides its own params.
    ///
    /// # Errors
    /// `invalid` when it is not an id.
    pub fn take_request_id(&mut self) -> Result<Option<RequestId>> {
        let Some(at) = self.left.iter().position(|(name, _)| name == "requestId") else { return Ok(None) };
        let (_, value) = self.left.remove(at);
        let id = serde_json::from_str(value.get());
        id.map_err(|e| Error::invalid("requestId", reason(&e.to_string())))
    }

    /// The name and the compact text of each member, sorted by name: equal for equal params.
    pub fn canonical(&self) -> Vec<String> {
        let mut members: Vec<_> = self.left.iter().collect();
        members.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        members
            .into_iter()
            .flat_map(|(name, value)| [name.to_string(), compact(value.get()).into_owned()])
            .collect()
    }

    /// Parses all members into a method's params.
    ///
    /// # Errors
    /// `invalid`, naming the field.
    pub fn parse<P: Params>(mut self) -> Result<P> {
        let mut known = Vec::new();
        P::names(&mut known);
        if let Some((name, _)) = self.left.iter().find(|(name, _)| !known.contains(&name.as_ref())) {
            let known: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
            let expected = match known.as_slice() {
                [] => "no fields are allowed".to_owned(),
                [one] => format!("expected {one}"),
                known => format!("expected one of {}", known.join(", ")),
            };
            return Err(Error::invalid(name.as_ref(), format!("unknown field `{name}`, {expected}")));
        }
        P::take(&mut self)
    }

    fn take<T: DeserializeOwned>(&mut self, names: &'static [&'static str]) -> Result<T> {
        let is_ours = |name: &str| names.contains(&name);
        let members = self.left.iter().filter(|(name, _)| is_ours(name));
        let members = members.map(|(name, value)| (name.as_ref(), *value));
        let taken = serde_path_to_error::deserialize(MapDeserializer::<_, serde_json::Error>::new(members));
        self.left.retain(|(name, _)| !is_ours(name));
        taken.map_err(|error| {
            let text = error.inner().to_string();
            let path = error.path().to_string();
            let path = if path == "." { "" } else { path.as_str() };
            Error::invalid(field(path, &text), reason(&text))
        })
    }
}

/// The path of the invalid field. For unknown and missing fields serde's path ends at the parent; its text has the
/// name.
fn field(path: &str, text: &str) -> String {
    let named = ["unknown field `", "missing field `"].iter().find_map(|start| text.strip_prefix(start));
    let Some(name) = named.and_then(|rest| rest.split('`').next()) else { return path.to_owned() };
    match path {
        "" => name.to_owned(),
        path if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// serde's text without the position, which counts from the start of the field and would mislead.
fn reason(text: &str) -> String {
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_owned()
}

struct MemberList;

impl<'de> Visitor<'de> for MemberList {
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

/// A member's name, borrowed unless it has escapes. (A plain `Cow` would always be owned.)
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The names of a struct's fields in JSON, as serde's derive passes them to a deserializer. Empty for other types.
pub fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut found: &'static [&'static str] = &[];
    // It always fails, because there is nothing to read.
    let _ = T::deserialize(FieldNames(&mut found));
    found
}

/// A deserializer that only records the requested fields.
struct FieldNames<'f>(&'f mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> std::result::Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> std::result::Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> std::result::Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("nothing to read"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Start;
    use crate::kv::{Filter, SetParams};

    fn parse<P: Params>(text: &str) -> std::result::Result<P, String> {
        P::read(Some(serde_json::from_str(text).unwrap())).map_err(|e| match e {
            Error::Invalid { field, reason, .. } => format!("{field}: {reason}"),
            other => other.to_string(),
        })
    }

    #[test]
    fn errors_name_the_field() {
        for (text, field) in [
            (
                r#"{"key":"a","value":1,"colour":2}"#,
                "colour: unknown field `colour`, expected one of `key`, `value`, `ifRev`",
            ),
            (r#"{"colour":2}"#, "colour: unknown field `colour`"),
            (r#"{"key":"a"}"#, "value: missing field `value`"),
            (r#"{"key":7,"value":1}"#, "key: invalid type"),
            (r#"{"key":"","value":1}"#, "key: a key has 1 to 512 bytes"),
            (r#"{"key":"a","key":"b","value":1}"#, "key: duplicate field"),
            (r#"{"key":"a","value":1,"ifRev":-1}"#, "ifRev: invalid value"),
            (r#"[1]"#, ": params must be an object"),
        ] {
            let error = parse::<SetParams>(text).unwrap_err();
            assert!(error.starts_with(field), "{text} gave {error}");
        }
        assert_eq!(
            parse::<SetParams>(r#"{"k\u0065y":"a","value":{"b": [1]}}"#).unwrap().value.get(),
            r#"{"b":[1]}"#
        );
    }

    #[test]
    fn two_structs_are_read_and_written_as_one_object() {
        type Both = With<Start, Filter>;
        let both: Both = parse(r#"{"prefix":"a","since":3,"initial":true}"#).unwrap();
        assert_eq!(
            (both.head.since, both.head.initial, both.fields.prefix.as_deref()),
            (Some(3), true, Some("a"))
        );
        assert_eq!(serde_json::to_string(&both).unwrap(), r#"{"since":3,"initial":true,"prefix":"a"}"#);
        assert_eq!(parse::<Both>("{}").unwrap(), Both::default());
        for (text, error) in [
            (r#"{"prefix":1}"#, "prefix: invalid type"),
            (r#"{"since":"x"}"#, "since: invalid type"),
            (
                r#"{"colour":1,"since":1}"#,
                "colour: unknown field `colour`, expected one of `since`, `epoch`, `initial`, `credit`, `prefix`",
            ),
        ] {
            let found = parse::<Both>(text).unwrap_err();
            assert!(found.starts_with(error), "{text} gave {found}");
        }
    }

    #[test]
    fn params_of_very_many_members_are_refused_at_once() {
        let members: Vec<String> = (0..200_000).map(|i| format!("\"m{i}\":1")).collect();
        let started = std::time::Instant::now();
        let refused = |text: &str| parse::<SetParams>(text).unwrap_err();
        assert!(
            refused(&format!("{{\"key\":\"k\",\"value\":1,{}}}", members.join(",")))
                .starts_with("m0: unknown field")
        );
        assert!(refused(&format!("{{{},\"m7\":1}}", members.join(","))).starts_with("m7: duplicate field"));
        // Comparing all pairs took minutes.
        assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
    }

    #[test]
    fn canonical_params_ignore_order_and_white_space_only() {
        let canonical =
            |text: &str| Members::read(Some(serde_json::from_str(text).unwrap())).unwrap().canonical();
        assert_eq!(canonical(r#"{"b":[1, 2],"a":"x"}"#), canonical(r#"{ "a" : "x", "b":[1,2]}"#));
        assert_ne!(canonical(r#"{"a":"x"}"#), canonical(r#"{"a":"x "}"#));
    }
}
