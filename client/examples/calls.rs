//! Creates, changes and finishes a todo: `cargo run -p stina-client --example calls -- [WHEN]`, such as `"fri 14:00"`.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::Duration;
use stina_client::protocol::RequestId;
use stina_client::{Client, when};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), stina_client::Error> {
    let client = Client::builder().name("calls", "1.0").connect().await?;
    let typed = std::env::args().nth(1).unwrap_or("tomorrow 9:00".to_owned());

    let todo = client.todos().create("Buy tea").due(when::parse(&typed)?).source("an example").await?.value;
    println!("{}, due {}", todo.title, todo.due_at.map_or("never".to_owned(), |at| when::due(at).text));

    // `None` clears a field. With `if_rev`, a change of another client in between is a conflict.
    let todo = client.todos().update(&todo.id).due(None).if_rev(todo.rev).await?.value;

    // An id and a deadline of this call alone. A repeat with the same id changes nothing.
    let id: RequestId = format!("done-{}", todo.id).parse()?;
    let done = client.todos().done(&todo.id).request_id(id).timeout(Duration::from_secs(2)).await?;
    println!("{} in revision {}", done.value.status, done.rev);

    let counters = ["teas", "cakes"].map(|name| client.kv().increment(name, 1));
    for counter in futures_util::future::join_all(counters).await {
        let entry = counter?.value;
        println!("{} = {}", entry.key, entry.value.get());
    }
    Ok(())
}
