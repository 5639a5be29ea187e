//! Two writes that happen together or not at all: `cargo run -p stina-client --example transaction`

#![allow(clippy::print_stdout, reason = "it shows something")]

use stina_client::Client;
use stina_client::protocol::kv::{Increment, IncrementParams, Key, Set, SetParams};
use stina_client::protocol::{Error as Kind, Json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), stina_client::Error> {
    let client = Client::builder().name("transaction", "1.0").connect().await?;
    let key = |text: &str| Key::new(text).map_err(|reason| Kind::invalid("key", reason));
    let mut transaction = client.transact();
    let value = Json::of("hej")?;
    transaction.add::<Set>(&SetParams { key: key("example.greeting")?, value, if_rev: None })?;
    let count = IncrementParams { key: key("example.greetings")?, by: None, if_rev: None };
    let counted = transaction.add::<Increment>(&count)?;
    let committed = transaction.commit().await?;
    println!("revision {}: greeted {} times", committed.rev, committed.get(counted)?.value.get());
    Ok(())
}
