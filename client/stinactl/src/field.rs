//! Arguments that become fields of an entity.

use stina_protocol::{Error, ValidationError};

/// A field that an empty text removes; none when the argument is not given.
pub(super) fn or_none<T>(
    field: &'static str,
    argument: Option<&String>,
    read: impl Fn(String) -> Result<T, ValidationError>,
) -> Result<Option<Option<T>>, Error> {
    let value = argument.map(|text| (!text.is_empty()).then(|| read(text.clone())).transpose());
    value.transpose().map_err(refused(field))
}

/// The error about an argument that is no value of its field.
pub(super) fn refused(field: &'static str) -> impl Fn(ValidationError) -> Error {
    move |reason| Error::invalid(field, reason)
}
