//! Shows a live list of the entries under a prefix: `cargo run -p stina-client --example kv_mirror -- [PREFIX]`.
//! Change entries meanwhile with `stinactl kv set KEY VALUE`; stop the daemon and start it again.

#![allow(clippy::print_stdout, reason = "an example prints")]

use stina_client::mirror::Diff;
use stina_client::{Client, ConnectionState};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), stina_client::Error> {
    let client = Client::builder().name("kv-mirror", "1.0").connect().await?;
    let mirror = client.kv().mirror(std::env::args().nth(1).unwrap_or_default())?;
    mirror.ready().await?;
    let (snapshot, mut patches) = mirror.watch();
    let mut list = snapshot.items;
    for (row, entry) in list.iter().enumerate() {
        println!("{row:>4}  {} = {}", entry.key, entry.value.get());
    }
    let mut states = client.states();
    loop {
        tokio::select! {
            Some(patch) = patches.next() => {
                println!("revision {}", patch.rev);
                for diff in &patch.diffs {
                    match diff {
                        Diff::Inserted { at, item } => println!("{at:>4}+ {} = {}", item.key, item.value.get()),
                        Diff::Updated { at, item } => println!("{at:>4}* {} = {}", item.key, item.value.get()),
                        Diff::Appended { at, text, .. } => println!("{at:>4}… {text}"),
                        Diff::Moved { from, to, item } => println!("{from:>4}> {to} {}", item.key),
                        Diff::Removed { at } => println!("{at:>4}-"),
                        Diff::Cleared => println!("all gone"),
                    }
                }
                patch.apply(&mut list);
            }
            Some(state) = states.next() => {
                if let ConnectionState::Reconnecting { reason, .. } = state {
                    println!("reconnecting: {reason}");
                }
            }
            else => return Ok(()),
        }
    }
}
