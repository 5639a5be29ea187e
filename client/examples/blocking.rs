//! Prints what is to do, without async: `cargo run -p stina-client --features blocking --example blocking`.

#![allow(clippy::print_stdout, reason = "an example prints")]

use stina_client::blocking::Client;
use stina_client::mirror::Todos;

fn main() -> Result<(), stina_client::Error> {
    let client = Client::connect(stina_client::Client::builder().name("script", "1.0"))?;
    let added = client.todos().create("Water the plants").wait()?;
    let todos = client.mirror(Todos::open())?;
    todos.wait(added.rev)?;
    for todo in todos.snapshot().items {
        println!("{}", todo.title);
    }
    Ok(())
}
