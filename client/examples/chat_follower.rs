//! Prints the messages of all conversations as they are written: `cargo run -p stina-client --example chat_follower`.
//! Send one meanwhile with `stinactl chat send TEXT` or `stinactl chat stream`; stop the daemon and start it again.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::collections::BTreeMap;
use stina_client::Client;
use stina_client::protocol::chat::{Message, MessageState};
use stina_client::protocol::event::{Changes, Event, Op, Start};

/// The text so far of each streaming message, by id.
type StreamingTexts = BTreeMap<String, String>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder().name("chat-follower", "1.0").connect().await?;
    let mut events = client.chat().subscribe(Start::initial().into()).await?;
    let mut texts = StreamingTexts::new();
    while let Some(event) = events.next().await {
        match event? {
            Event::Change(changes) => change(&mut texts, &changes)?,
            // The offset counts bytes of UTF-8. After a reconnect the whole text so far comes again, at 0.
            Event::Delta(delta) => {
                let text = texts.entry(delta.message_id.to_string()).or_default();
                let offset = usize::try_from(delta.offset)?;
                if text.is_char_boundary(offset) {
                    text.replace_range(offset.., &delta.text);
                    println!("{}… {text}", delta.message_id);
                }
            }
            Event::Cancel { message_id } => println!("{message_id} is cancelled"),
            Event::Reset { .. } => texts.clear(),
            Event::Synced { rev } => println!("-- up to date with revision {rev}"),
            // A newer daemon may send other events.
            _ => {}
        }
    }
    Ok(())
}

fn change(texts: &mut StreamingTexts, changes: &Changes) -> serde_json::Result<()> {
    for change in changes.changes.iter().filter(|change| change.entity == "message") {
        let Some(value) = change.value.as_ref().filter(|_| change.op != Op::Delete) else {
            println!("{} was deleted", change.id);
            texts.remove(&change.id);
            continue;
        };
        let message: Message = value.to()?;
        if message.state == MessageState::Streaming {
            texts.insert(message.id.into(), message.content);
            continue;
        }
        texts.remove(message.id.as_str());
        let end = if message.aborted { " (aborted)" } else { "" };
        println!("{}: {}{end}", message.role, message.content);
    }
    Ok(())
}
