//! Shows a live todo list: `cargo run -p stina-client --example todo_list`. Meanwhile, try `stinactl todo add milk`.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::sync::Arc;
use stina_client::protocol::todo::Todo;
use stina_client::{Client, mirror::Todos, when};

fn show(list: &[Arc<Todo>]) {
    println!("\n{} to do", list.len());
    for todo in list {
        let due = todo.due_at.map(|at| format!(", due {}", when::due(at).text)).unwrap_or_default();
        println!("  [{}] {}{due}", todo.status, todo.title);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), stina_client::Error> {
    let client = Client::builder().name("todo-list", "1.0").connect().await?;
    let mirror = client.todos().mirror(Todos::open())?;
    mirror.ready().await?;
    let (snapshot, mut patches) = mirror.watch();
    let mut list = snapshot.items;
    show(&list);
    // Restarts of the daemon, resets, missed changes: all of them arrive as patches.
    while let Some(patch) = patches.next().await {
        patch.apply(&mut list);
        show(&list);
    }
    Ok(())
}
