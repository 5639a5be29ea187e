//! Writes a todo, a memory and a counter in one transaction, linked by a chosen id:
//! `cargo run -p stina-client --example transaction`

#![allow(clippy::print_stdout, reason = "an example prints")]

use stina_client::Client;
use stina_client::protocol::text::{Content, Line, Title};
use stina_client::protocol::{EntityId, Error, kv, memory, todo};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), stina_client::Error> {
    let client = Client::builder().name("transaction", "1.0").connect().await?;
    let invalid = |reason: String| Error::invalid("", reason);
    let id = EntityId::new(format!("td_{}", std::process::id())).map_err(invalid)?;

    let mut transaction = client.transact();
    let title = Title::new("Buy tea").map_err(invalid)?;
    let todo = todo::New { id: Some(id.clone()), ..todo::New::of(title) };
    let todo = transaction.add::<todo::Create>(&todo.into())?;
    let why = Content::new(format!("Åsa likes green tea, see {id}")).map_err(invalid)?;
    let title = Line::new("Tea").map_err(invalid)?;
    transaction.add::<memory::Create>(&memory::New::of(title, why).into())?;
    let key = kv::Key::new("example.teas").map_err(invalid)?;
    let count = transaction.add::<kv::Increment>(&kv::IncrementParams { key, by: None, if_rev: None })?;
    let committed = transaction.commit().await?;

    let (todo, count) = (committed.get(todo)?, committed.get(count)?);
    println!("revision {}: `{}`, number {}", committed.rev, todo.title, count.value.get());
    Ok(())
}
