//! What is said anywhere, as it is said: `cargo run -p stina-client --example chat_follower`.
//! Say something meanwhile, with `stinactl chat send TEXT` or `stinactl chat stream`; stop the daemon and start it
//! again.

#![allow(clippy::print_stdout, reason = "it shows something")]

use std::collections::BTreeMap;
use stina_client::Client;
use stina_client::protocol::chat::{Message, MessageState};
use stina_client::protocol::event::{Changes, Event, Op, Start};

/// Messages that are being written, with their words so far.
type Open = BTreeMap<String, String>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder().name("chat-follower", "1.0").connect().await?;
    let mut events = client.chat().subscribe(Start::initial().into()).await?;
    let mut open = Open::new();
    while let Some(event) = events.next().await {
        match event? {
            Event::Change(changes) => change(&mut open, &changes)?,
            // Where it begins is counted in bytes of UTF-8. After a break all words so far come again, at 0.
            Event::Delta(delta) => {
                let text = open.entry(delta.message_id.clone()).or_default();
                let offset = usize::try_from(delta.offset)?;
                if text.is_char_boundary(offset) {
                    text.replace_range(offset.., &delta.text);
                    println!("{}… {text}", delta.message_id);
                }
            }
            Event::Cancel { message_id } => println!("{message_id} is asked to end"),
            Event::Reset { .. } => open.clear(),
            Event::Synced { rev } => println!("-- all up to revision {rev}"),
        }
    }
    Ok(())
}

fn change(open: &mut Open, changes: &Changes) -> serde_json::Result<()> {
    for change in changes.changes.iter().filter(|change| change.entity == "message") {
        let (Op::Put, Some(value)) = (change.op, &change.value) else {
            println!("{} was deleted", change.id);
            open.remove(&change.id);
            continue;
        };
        let message: Message = value.to()?;
        match message.state {
            MessageState::Streaming => _ = open.insert(message.id, message.content),
            MessageState::Complete => {
                open.remove(&message.id);
                let end = if message.aborted { " (aborted)" } else { "" };
                println!("{}: {}{end}", message.role.as_str(), message.content);
            }
        }
    }
    Ok(())
}
