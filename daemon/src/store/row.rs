//! Rows of entities: one column for each member of the JSON, with its name in snake case.
//!
//! Reading and writing use serde, so the entity's type is the only definition. Strings, numbers, flags and enums are
//! plain columns; lists and objects are columns of JSON text. Invalid UTF-8, which old programs wrote, is read as
//! U+FFFD.

use rusqlite::types::{Null, ToSqlOutput, Value, ValueRef};
use rusqlite::{Row, Statement, ToSql};
use serde::de::value::{CowStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::ser::{Impossible, SerializeStruct, Serializer};
use serde::{Serialize, forward_to_deserialize_any};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The name of the column that holds a member.
pub(super) fn column(member: &str) -> String {
    let mut name = String::with_capacity(member.len() + 4);
    for c in member.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// The error of reading or writing a row.
#[derive(Debug)]
pub(crate) enum RowError {
    /// SQLite failed.
    Sqlite(rusqlite::Error),
    /// The value of a column does not fit its member.
    Value(String),
    /// A list or an object, which is not a plain column.
    Compound,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(f),
            Self::Value(text) => f.write_str(text),
            Self::Compound => f.write_str("a list or an object"),
        }
    }
}

impl std::error::Error for RowError {}

impl serde::de::Error for RowError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Value(text.to_string())
    }
}

impl serde::ser::Error for RowError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Value(text.to_string())
    }
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Reads an entity from the first columns of a row, which are its `members` in that order.
pub(super) fn read<T: DeserializeOwned>(row: &Row<'_>, members: &[&'static str]) -> Result<T, RowError> {
    T::deserialize(MapAccessDeserializer::new(Columns { row, members, next: 0 }))
}

/// The text in a column. Bytes that are not UTF-8 become U+FFFD.
pub(super) fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<Cow<'r, str>, RowError> {
    Cell(row.get_ref(column)?).text()
}

/// `entity` with some members changed, each to a value that is JSON. The others keep the values of their columns: none of
/// them is written as JSON and read again.
pub(super) fn with<T: Serialize + DeserializeOwned>(
    entity: &T,
    members: &[&'static str],
    changes: &BTreeMap<String, &RawValue>,
) -> Result<T, RowError> {
    if let Some(unknown) = changes.keys().find(|name| !members.contains(&name.as_str())) {
        return Err(RowError::Value(format!("there is no member {unknown}")));
    }
    let mut values = vec![Value::Null; members.len()];
    entity.serialize(Binder { members, parameters: &mut values, parameter: None })?;
    T::deserialize(MapAccessDeserializer::new(Changed { values: &values, members, changes, next: 0 }))
}

struct Changed<'a> {
    values: &'a [Value],
    members: &'a [&'static str],
    changes: &'a BTreeMap<String, &'a RawValue>,
    next: usize,
}

impl<'de> MapAccess<'de> for Changed<'de> {
    type Error = RowError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, RowError> {
        let Some(member) = self.members.get(self.next) else { return Ok(None) };
        self.next += 1;
        seed.deserialize((*member).into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, RowError> {
        let at = self.next - 1;
        match self.changes.get(self.members[at]) {
            None => seed.deserialize(Cell((&self.values[at]).into())),
            Some(json) => {
                seed.deserialize(*json).map_err(|e| RowError::Value(format!("{}: {e}", self.members[at])))
            }
        }
    }
}

struct Columns<'r, 'm> {
    row: &'r Row<'r>,
    members: &'m [&'static str],
    next: usize,
}

impl<'de> MapAccess<'de> for Columns<'_, '_> {
    type Error = RowError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, RowError> {
        let Some(member) = self.members.get(self.next) else { return Ok(None) };
        self.next += 1;
        seed.deserialize((*member).into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, RowError> {
        let column = self.next - 1;
        seed.deserialize(Cell(self.row.get_ref(column)?)).map_err(|error| match error {
            RowError::Value(text) => RowError::Value(format!("{}: {text}", self.members[column])),
            error => error,
        })
    }
}

/// The value of one column.
struct Cell<'r>(ValueRef<'r>);

impl<'r> Cell<'r> {
    fn text(&self) -> Result<Cow<'r, str>, RowError> {
        match self.0 {
            // Valid text, which is the rule, is checked faster so.
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                Ok(std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed))
            }
            other => Err(RowError::Value(format!("{} instead of text", other.data_type()))),
        }
    }
}

/// Methods that read a list or an object from its JSON text.
macro_rules! from_json {
    ($($method:ident ($($arg:ident: $ty:ty),*);)+) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $ty,)* visitor: V) -> Result<V::Value, RowError> {
            let text = self.text()?;
            let mut json = serde_json::Deserializer::from_reader(text.as_bytes());
            let value = (&mut json).$method($($arg,)* visitor).and_then(|value| json.end().map(|()| value));
            value.map_err(|error| RowError::Value(format!("invalid JSON: {error}")))
        }
    )+};
}

impl<'de> Deserializer<'de> for Cell<'_> {
    type Error = RowError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        match self.0 {
            ValueRef::Null => visitor.visit_unit(),
            ValueRef::Integer(number) => visitor.visit_i64(number),
            ValueRef::Real(number) => visitor.visit_f64(number),
            ValueRef::Text(_) | ValueRef::Blob(_) => match self.text()? {
                Cow::Borrowed(text) => visitor.visit_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        if self.0 == ValueRef::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        match self.0 {
            ValueRef::Integer(number) => visitor.visit_bool(number != 0),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, RowError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RowError> {
        let text = self.text()?;
        if !text.starts_with('{') {
            return CowStrDeserializer::new(text).deserialize_enum(name, variants, visitor);
        }
        // A variant with data is JSON, as a struct is.
        let mut json = serde_json::Deserializer::from_reader(text.as_bytes());
        let value =
            json.deserialize_enum(name, variants, visitor).and_then(|value| json.end().map(|()| value));
        value.map_err(|error| RowError::Value(format!("not its JSON: {error}")))
    }

    from_json! {
        deserialize_seq();
        deserialize_map();
        deserialize_tuple(len: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple_struct
        identifier ignored_any
    }
}

/// Binds the `members` of an entity to the first parameters of a statement, in that order.
pub(super) fn bind<T: Serialize>(
    entity: &T,
    members: &[&'static str],
    statement: &mut Statement<'_>,
) -> Result<(), RowError> {
    entity.serialize(Binder { members, parameters: statement, parameter: None })
}

/// What takes the values of an entity's members: a statement's parameters, or a list.
trait Parameters {
    /// Takes a value, under a number from 1.
    fn take(&mut self, parameter: usize, value: impl ToSql) -> rusqlite::Result<()>;
}

impl Parameters for Statement<'_> {
    fn take(&mut self, parameter: usize, value: impl ToSql) -> rusqlite::Result<()> {
        self.raw_bind_parameter(parameter, value)
    }
}

impl Parameters for Vec<Value> {
    fn take(&mut self, parameter: usize, value: impl ToSql) -> rusqlite::Result<()> {
        self[parameter - 1] = match value.to_sql()? {
            ToSqlOutput::Owned(value) => value,
            ToSqlOutput::Borrowed(value) => value.try_into()?,
            other => return Err(rusqlite::Error::ToSqlConversionFailure(format!("{other:?}").into())),
        };
        Ok(())
    }
}

/// Takes an entity apart, and then each of its members.
struct Binder<'b, P> {
    members: &'b [&'static str],
    parameters: &'b mut P,
    /// The parameter that takes this value; none for the entity itself.
    parameter: Option<usize>,
}

impl<P: Parameters> Binder<'_, P> {
    fn bind(self, value: impl ToSql) -> Result<(), RowError> {
        let parameter = self.parameter.ok_or(RowError::Compound)?;
        Ok(self.parameters.take(parameter, value)?)
    }
}

impl<P: Parameters> SerializeStruct for Binder<'_, P> {
    type Ok = ();
    type Error = RowError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), RowError> {
        // Skip members without a column.
        let Some(at) = self.members.iter().position(|member| *member == name) else { return Ok(()) };
        let parameter = Some(at + 1);
        match value.serialize(Binder { members: self.members, parameters: self.parameters, parameter }) {
            Err(RowError::Compound) => {
                let json = serde_json::to_string(value).map_err(<RowError as serde::ser::Error>::custom)?;
                Ok(self.parameters.take(at + 1, json)?)
            }
            bound => bound,
        }
    }

    fn end(self) -> Result<(), RowError> {
        Ok(())
    }
}

type NotPlain = Impossible<(), RowError>;

/// Methods for values that are not plain columns.
macro_rules! compound {
    ($($method:ident ($($arg:ty),*) -> $ok:ty;)+) => {$(
        fn $method(self, $(_: $arg),*) -> Result<$ok, RowError> {
            Err(RowError::Compound)
        }
    )+};
}

/// Methods for values that SQLite has a type for.
macro_rules! plain {
    ($($method:ident ($ty:ty);)+) => {$(
        fn $method(self, value: $ty) -> Result<(), RowError> {
            self.bind(value)
        }
    )+};
}

impl<'b, P: Parameters> Serializer for Binder<'b, P> {
    type Ok = ();
    type Error = RowError;
    type SerializeSeq = NotPlain;
    type SerializeTuple = NotPlain;
    type SerializeTupleStruct = NotPlain;
    type SerializeTupleVariant = NotPlain;
    type SerializeMap = NotPlain;
    type SerializeStruct = Binder<'b, P>;
    type SerializeStructVariant = NotPlain;

    fn is_human_readable(&self) -> bool {
        false
    }

    plain! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_str(&str);
        serialize_bytes(&[u8]);
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, RowError> {
        if self.parameter.is_none() { Ok(self) } else { Err(RowError::Compound) }
    }

    fn serialize_char(self, value: char) -> Result<(), RowError> {
        self.bind(value.to_string())
    }

    fn serialize_none(self) -> Result<(), RowError> {
        self.bind(Null)
    }

    fn serialize_unit(self) -> Result<(), RowError> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), RowError> {
        self.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), RowError> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), RowError> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), RowError> {
        self.bind(variant)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), RowError> {
        Err(RowError::Compound)
    }

    compound! {
        serialize_seq(Option<usize>) -> NotPlain;
        serialize_tuple(usize) -> NotPlain;
        serialize_tuple_struct(&'static str, usize) -> NotPlain;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> NotPlain;
        serialize_map(Option<usize>) -> NotPlain;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> NotPlain;
    }
}
