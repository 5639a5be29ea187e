//! Enums of names on the wire, which a newer daemon may extend.
//!
//! A client keeps a name that it does not know as `Unknown`, and writes it back as it was: one new status must not make a
//! whole list unreadable. Params are strict: the daemon refuses a name that it does not know, by [`known`].

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// An enum of names on the wire.
pub trait Name: Sized + 'static {
    /// What it names, such as `status`.
    const WHAT: &'static str;
    /// The known names.
    const NAMES: &'static [&'static str];
    /// The value with that name; `Unknown` for a name that this version does not know.
    fn named(name: &str) -> Self;
    /// Whether this version knows the name.
    fn is_known(&self) -> bool;
}

/// A value whose name is known: the schema of a param.
#[derive(Debug)]
pub struct Known<T>(pub T);

impl<'de, T: Name> Deserialize<'de> for Known<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let value = T::named(&name);
        if value.is_known() { Ok(Self(value)) } else { Err(D::Error::custom(unknown::<T>(&name))) }
    }
}

#[cfg(feature = "schema")]
impl<T: Name> schemars::JsonSchema for Known<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("known {}", T::WHAT).into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "enum": T::NAMES })
    }
}

/// Reads a param: for `#[serde(deserialize_with = "known")]`.
///
/// # Errors
/// The deserializer's; when the name is unknown.
pub fn known<'de, T: Name, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Known::deserialize(deserializer).map(|Known(value)| value)
}

/// Reads any name.
pub(crate) struct AnyName<T>(pub(crate) PhantomData<T>);

impl<T: Name> Visitor<'_> for AnyName<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", T::WHAT)
    }

    fn visit_str<E>(self, name: &str) -> Result<T, E> {
        Ok(T::named(name))
    }
}

/// The reason for which a name is refused.
pub(crate) fn unknown<T: Name>(name: &str) -> String {
    let names: Vec<String> = T::NAMES.iter().map(|name| format!("`{name}`")).collect();
    format!("unknown {} `{name}`, expected one of {}", T::WHAT, names.join(", "))
}

/// Defines an enum of names: `/// docs`, then `pub enum Type: "what" { /// docs Variant = "name", … }`.
macro_rules! names {
    (
        $(#[doc = $about:literal])+ $(#[derive($($derive:ident),+)])?
        pub enum $ty:ident: $what:literal {
            $($(#[doc = $doc:literal])+ $(#[$attribute:ident])? $variant:ident = $name:literal,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Eq, Hash $(, $($derive),+)?)]
        #[non_exhaustive]
        pub enum $ty {
            $($(#[doc = $doc])+ $(#[$attribute])? $variant,)+
            /// A name that this version does not know, as it came.
            Unknown(String),
        }

        impl $ty {
            /// All that this version knows.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Unknown(name) => name,
                }
            }
        }

        impl $crate::names::Name for $ty {
            const WHAT: &'static str = $what;
            const NAMES: &'static [&'static str] = &[$($name),+];

            fn named(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)+
                    name => Self::Unknown(name.to_owned()),
                }
            }

            fn is_known(&self) -> bool {
                !matches!(self, Self::Unknown(_))
            }
        }

        impl std::fmt::Display for $ty {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        /// Accepts the known names only.
        impl std::str::FromStr for $ty {
            type Err = $crate::ValidationError;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                let value = <Self as $crate::names::Name>::named(name);
                match value {
                    Self::Unknown(_) => Err($crate::ValidationError::new($crate::names::unknown::<Self>(name))),
                    value => Ok(value),
                }
            }
        }

        impl serde::Serialize for $ty {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        /// Accepts any name.
        impl<'de> serde::Deserialize<'de> for $ty {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::names::AnyName(std::marker::PhantomData))
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $ty {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($ty).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": concat!($($about, "\n"),+).trim(),
                    "anyOf": [
                        $({ "const": $name, "description": concat!($($doc),+).trim() },)+
                        { "type": "string", "description": "A name that only a newer daemon knows." },
                    ],
                })
            }
        }
    };
}

pub(crate) use names;

#[cfg(test)]
mod tests {
    use crate::chat::{MessageState, Role};
    use crate::event::{Op, ResetReason};
    use crate::todo::Status;
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use std::fmt::{Debug, Display};
    use std::str::FromStr;

    fn check<T>(all: &[T])
    where
        T: super::Name + Serialize + DeserializeOwned + FromStr<Err = crate::ValidationError>,
        T: Display + PartialEq + Debug,
    {
        assert_eq!(all.len(), T::NAMES.len());
        for (value, name) in all.iter().zip(T::NAMES) {
            assert_eq!(serde_json::to_value(value).unwrap(), *name);
            assert_eq!(&serde_json::from_value::<T>((*name).into()).unwrap(), value);
            assert_eq!(&name.parse::<T>().unwrap(), value);
            assert_eq!(value.to_string(), *name);
        }
        for name in ["of tomorrow", "", "COMPLETED"] {
            let unknown: T = serde_json::from_value(name.into()).unwrap();
            assert!(!unknown.is_known());
            assert_eq!(serde_json::to_value(&unknown).unwrap(), name);
            assert!(name.parse::<T>().unwrap_err().reason().contains(T::NAMES[0]));
            assert!(super::known::<T, _>(serde_json::Value::from(name)).is_err());
        }
        assert!(serde_json::from_value::<T>(1.into()).is_err());
    }

    #[test]
    fn an_unknown_name_is_kept_and_a_param_has_a_known_one() {
        check(Status::ALL);
        check(Role::ALL);
        check(MessageState::ALL);
        check(Op::ALL);
        check(ResetReason::ALL);
    }
}
