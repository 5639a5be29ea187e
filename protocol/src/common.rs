//! Members that the params of many methods have: `ifRev`, `limit`, `cursor`. A client sets them in the same way for all.

use crate::params::With;
use crate::types::{Limit, Paging, Target};
use crate::{chat, kv, memory};

/// Params of a write that can be conditional.
pub trait IfRev {
    /// The revision that the entity must have, if any.
    fn if_rev_mut(&mut self) -> &mut Option<u64>;
}

/// Params of a list that ends after some items.
pub trait Limited {
    /// Maximum number of items.
    fn limit_mut(&mut self) -> &mut Limit;
}

/// Params of a list that continues after an earlier page.
pub trait Paged {
    /// `next` of that page.
    fn cursor_mut(&mut self) -> &mut Option<String>;
}

/// Implements one of these traits for params that have the member itself, or in their head.
macro_rules! members {
    ($name:ident: $get:ident -> $member:ident: $ty:ty; $($params:ty),+; $head:ty) => {
        $(impl $name for $params {
            fn $get(&mut self) -> &mut $ty {
                &mut self.$member
            }
        })+

        impl<F> $name for With<$head, F> {
            fn $get(&mut self) -> &mut $ty {
                &mut self.head.$member
            }
        }
    };
}

members! {
    IfRev: if_rev_mut -> if_rev: Option<u64>;
    Target, kv::SetParams, kv::DeleteParams, kv::IncrementParams, chat::SetCurrentParams, chat::FinishParams,
    chat::AbortMessageParams; Target
}
members! {
    Limited: limit_mut -> limit: Limit;
    Paging, chat::WindowParams, chat::SearchParams, memory::SearchParams; Paging
}
members! { Paged: cursor_mut -> cursor: Option<String>; Paging, memory::GetManyParams; Paging }
