//! `client.chat()`: conversations, interactions, messages, and streaming messages.
//!
//! [`Chat`] has the methods of the protocol, [`Interaction`] is a scope for what belongs together,
//! [`MessageStream`] is a message that is being streamed.

mod interaction;
mod listener;
mod methods;
mod stream;

pub use interaction::Interaction;
pub(crate) use listener::SharedListener;
pub use listener::Stopped;
pub use methods::Chat;
pub use stream::MessageStream;
