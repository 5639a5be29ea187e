//! Writes a todo, a memory and a counter in one transaction, linked by a chosen id:
//! `cargo run -p stina-client --example transaction`

#![allow(clippy::print_stdout, reason = "an example prints")]

use stina_client::Client;
use stina_client::protocol::EntityId;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), stina_client::Error> {
    let client = Client::builder().name("transaction", "1.0").connect().await?;
    let id: EntityId = format!("td_{}", std::process::id()).parse()?;

    let mut transaction = client.transact();
    let why = format!("Åsa likes green tea, see {id}");
    let todo = transaction.add(client.todos().create("Buy tea").id(id))?;
    transaction.add(client.memories().create("Tea", why))?;
    let count = transaction.add(client.kv().increment("example.teas", 1))?;
    let committed = transaction.commit().await?;

    let (todo, count) = (committed.get(todo)?, committed.get(count)?);
    println!("revision {}: `{}`, number {}", committed.rev, todo.title, count.value.get());
    Ok(())
}
