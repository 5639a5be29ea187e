//! Methods: each has a name, a params type, an output type and a kind, defined once.
//!
//! The daemon registers a function for a [`Method`], the client calls it with these types, and `rpc.discover` describes
//! it.

use crate::Params;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A method of the protocol. Define one with [`methods!`](crate::methods).
pub trait Method: 'static {
    /// Name on the wire, `module.verb`.
    const NAME: &'static str;
    /// One sentence for people, shown by `rpc.discover`.
    const SUMMARY: &'static str;
    /// Named params: an object, unknown fields refused.
    type Params: Params;
    /// The result.
    type Output: Serialize + DeserializeOwned + Send + 'static;
    /// The kind, which decides the envelope of the result.
    type Kind: MethodKind;
}

/// The result of method `M` on the wire.
pub type Wire<M> = <<M as Method>::Kind as MethodKind>::Wire<<M as Method>::Output>;

/// A kind of method.
pub trait MethodKind: 'static {
    /// Whether the method writes to the store. Such a method takes `requestId`, and is allowed in `store.transact`.
    const MUTATES: bool = false;
    /// The result in its envelope.
    type Wire<T: Serialize + DeserializeOwned + Send + 'static>: Serialize + DeserializeOwned + Send + 'static;
}

/// Reads the store; answers `{rev, value}` with the revision of the read.
#[derive(Debug)]
pub enum Read {}
/// Writes to the store; answers `{rev, value}` with the revision of the write.
#[derive(Debug)]
pub enum Write {}
/// Concerns the daemon itself; answers a bare value.
#[derive(Debug)]
pub enum Bare {}
/// Opens a subscription; answers its id. Notifications follow.
#[derive(Debug)]
pub enum Subscribe {}

impl MethodKind for Read {
    type Wire<T: Serialize + DeserializeOwned + Send + 'static> = Reply<T>;
}
impl MethodKind for Write {
    const MUTATES: bool = true;
    type Wire<T: Serialize + DeserializeOwned + Send + 'static> = Reply<T>;
}
impl MethodKind for Bare {
    type Wire<T: Serialize + DeserializeOwned + Send + 'static> = T;
}
impl MethodKind for Subscribe {
    type Wire<T: Serialize + DeserializeOwned + Send + 'static> = T;
}

/// The envelope of the result of reads and writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reply<T> {
    /// Revision of the read or the write.
    pub rev: u64,
    /// The result.
    pub value: T,
}

/// Defines methods: `/// summary`, then `Type = "name": Kind(Params) -> Output;`.
#[macro_export]
macro_rules! methods {
    ($($(#[doc = $doc:literal])+ $ty:ident = $name:literal : $kind:ident ($params:ty) -> $output:ty;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub enum $ty {}
        impl $crate::method::Method for $ty {
            const NAME: &'static str = $name;
            const SUMMARY: &'static str = concat!($($doc),+).trim_ascii();
            type Params = $params;
            type Output = $output;
            type Kind = $crate::method::$kind;
        }
    )+};
}
