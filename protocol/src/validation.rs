//! [`ValidationError`], and the conversions of every type that is checked text.

use std::borrow::Cow;

/// Why a value is not valid, for people.
///
/// Every `new`, `from_str` and `try_from` of this crate returns it. It does not name a field: a client adds that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ValidationError {
    reason: Cow<'static, str>,
}

impl ValidationError {
    /// An error with a reason, such as `must not be empty`.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into() }
    }

    /// What is wrong.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl From<ValidationError> for String {
    fn from(error: ValidationError) -> Self {
        error.reason.into_owned()
    }
}

/// Implements the conversions of a type `$name(String)` whose `new` checks the text.
macro_rules! checked_text {
    ($name:ident $(<const $max:ident: usize>)?) => {
        impl $(<const $max: usize>)? $name $(<$max>)? {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl $(<const $max: usize>)? std::ops::Deref for $name $(<$max>)? {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl $(<const $max: usize>)? AsRef<str> for $name $(<$max>)? {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl $(<const $max: usize>)? std::borrow::Borrow<str> for $name $(<$max>)? {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl $(<const $max: usize>)? std::fmt::Display for $name $(<$max>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl $(<const $max: usize>)? std::str::FromStr for $name $(<$max>)? {
            type Err = $crate::ValidationError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl $(<const $max: usize>)? TryFrom<&str> for $name $(<$max>)? {
            type Error = $crate::ValidationError;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl $(<const $max: usize>)? TryFrom<String> for $name $(<$max>)? {
            type Error = $crate::ValidationError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl $(<const $max: usize>)? From<$name $(<$max>)?> for String {
            fn from(text: $name $(<$max>)?) -> Self {
                text.0
            }
        }

        impl $(<const $max: usize>)? From<&$name $(<$max>)?> for String {
            fn from(text: &$name $(<$max>)?) -> Self {
                text.0.clone()
            }
        }

        impl $(<const $max: usize>)? PartialEq<str> for $name $(<$max>)? {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl $(<const $max: usize>)? PartialEq<&str> for $name $(<$max>)? {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl $(<const $max: usize>)? PartialEq<$name $(<$max>)?> for str {
            fn eq(&self, other: &$name $(<$max>)?) -> bool {
                self == other.0
            }
        }

        impl $(<const $max: usize>)? PartialEq<$name $(<$max>)?> for String {
            fn eq(&self, other: &$name $(<$max>)?) -> bool {
                *self == other.0
            }
        }

        impl<'de $(, const $max: usize)?> serde::Deserialize<'de> for $name $(<$max>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use checked_text;
