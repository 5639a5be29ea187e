//! Streams standard input as a chat message, word by word:
//! `ollama run llama3 "Hej" | cargo run -p stina-client --example chat_stream`. Cancel it with `stinactl chat cancel`.

use std::io::BufRead;
use stina_client::Client;
use stina_client::protocol::chat::Role;
use tokio::sync::mpsc;

/// Reads words from standard input, each with the space after it.
fn words() -> mpsc::Receiver<std::io::Result<Vec<u8>>> {
    let (sender, words) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut word = Vec::new();
            let read = input.read_until(b' ', &mut word);
            if matches!(read, Ok(0)) || sender.blocking_send(read.map(|_| word)).is_err() {
                return;
            }
        }
    });
    words
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder().name("chat-stream", "1.0").connect().await?;
    let mut words = words();
    let mut message = client.chat().stream(Role::Assistant).await?;
    loop {
        tokio::select! {
            why = message.stopped() => {
                message.abort().await?;
                return Err(format!("the message was stopped: {why:?}").into());
            }
            word = words.recv() => match word {
                Some(word) => message.push(&String::from_utf8(word?)?).await?,
                None => break,
            },
        }
    }
    message.finish().await?;
    Ok(())
}
