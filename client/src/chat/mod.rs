//! `client.chat()`: conversations, interactions, messages, and streaming messages.
//!
//! [`Chat`] has the methods of the protocol, [`InteractionScope`] adds messages to one interaction, [`MessageStream`]
//! writes a streaming message.

mod interaction;
mod listener;
mod message;
mod methods;
mod stream;

pub use interaction::InteractionScope;
pub(crate) use listener::SharedListener;
pub use listener::Stopped;
pub use methods::Chat;
pub use stream::MessageStream;
