//! What a method is: a name, a params type, an output type and a kind, said once.
//!
//! The daemon registers a plain function for a [`Method`], the client calls it with types, `rpc.discover`
//! describes it; none of them repeats the name or the shapes.

use crate::Params;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A method of the protocol. Define one with [`methods!`](crate::methods).
pub trait Method: 'static {
    /// Name on the wire, `module.verb`.
    const NAME: &'static str;
    /// One sentence for people, shown by `rpc.discover`.
    const SUMMARY: &'static str;
    /// Named params: an object, unknown fields refused.
    type Params: Params;
    /// What a success yields.
    type Output: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// What sort of method it is, which decides the envelope of the result.
    type Kind: MethodKind;
}

/// The result of method `M` as it stands on the wire.
pub type Wire<M> = <<M as Method>::Kind as MethodKind>::Wire<<M as Method>::Output>;

/// A sort of method.
pub trait MethodKind: 'static {
    /// Whether the method changes the store: it then takes `requestId`, and may stand in `store.transact`.
    const MUTATES: bool = false;
    /// The output in its envelope.
    type Wire<T: Serialize + DeserializeOwned + JsonSchema + Send + 'static>: Serialize
        + DeserializeOwned
        + JsonSchema
        + Send
        + 'static;
}

/// Reads the store; answers `{rev, value}` with the revision that it saw.
#[derive(Debug)]
pub enum Read {}
/// Writes the store; answers `{rev, value}` with the revision that it made.
#[derive(Debug)]
pub enum Write {}
/// Speaks of the daemon itself; answers a bare value.
#[derive(Debug)]
pub enum Bare {}
/// Opens a subscription; answers its id, and notifications follow.
#[derive(Debug)]
pub enum Subscribe {}

impl MethodKind for Read {
    type Wire<T: Serialize + DeserializeOwned + JsonSchema + Send + 'static> = Reply<T>;
}
impl MethodKind for Write {
    const MUTATES: bool = true;
    type Wire<T: Serialize + DeserializeOwned + JsonSchema + Send + 'static> = Reply<T>;
}
impl MethodKind for Bare {
    type Wire<T: Serialize + DeserializeOwned + JsonSchema + Send + 'static> = T;
}
impl MethodKind for Subscribe {
    type Wire<T: Serialize + DeserializeOwned + JsonSchema + Send + 'static> = T;
}

/// The envelope of every data method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reply<T> {
    /// Revision that a read saw, or that a write made.
    pub rev: u64,
    /// The result itself.
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
