//! The Node programs of `docs/clients.md`.

use super::samples::{
    Samples, at_home, at_socket, each_revision_once, output, streams_and_is_cancelled,
    watches_across_restarts, writes_once,
};
use crate::daemon;
use stina_tests::Scripted;

/// The Node programs, where there is a Node.
fn node() -> Option<Samples> {
    let samples = Samples::of("js");
    samples.can_run("node", &["--version"]).then_some(samples)
}

/// Changes a program to run over a WebSocket, as the document describes.
fn over_websocket(samples: &Samples, name: &str) {
    let text = std::fs::read_to_string(samples.path(name)).unwrap();
    assert!(text.contains("new Stina(\"example\")"));
    let text = text.replace("new Stina(\"example\")", "new Stina(\"example\", websocket)");
    samples.write(name, &format!("import {{ websocket }} from './websocket.mjs';\n{text}"));
}

/// The output of lines that use `client.mjs`.
fn prints(samples: &Samples, scripted: &Scripted, lines: &str) -> String {
    samples.write("test.mjs", &format!("import {{ Stina }} from './client.mjs';\n{lines}"));
    output(at_socket(&mut samples.command("node", &["test.mjs"]), &scripted.socket()))
}

#[test]
fn the_node_client_watches_across_restarts() {
    let Some(samples) = node() else { return };
    let mut daemon = daemon();
    let mut command = samples.command("node", &["watch.mjs"]);
    at_home(&mut command, &daemon);
    watches_across_restarts(&mut daemon, &mut command, "put greeting hej från Node");
}

#[test]
fn the_websocket_client_watches_across_restarts() {
    let Some(samples) = node() else { return };
    if !samples.can_run("node", &["--input-type=module", "-e", "import 'ws'"]) {
        return;
    }
    let mut daemon = daemon();
    over_websocket(&samples, "watch.mjs");
    let mut command = samples.command("node", &["watch.mjs"]);
    at_home(&mut command, &daemon);
    watches_across_restarts(&mut daemon, &mut command, "put greeting hej från Node");
}

#[test]
fn the_node_client_streams_and_is_cancelled() {
    let Some(samples) = node() else { return };
    let daemon = daemon();
    streams_and_is_cancelled(&daemon, || {
        let mut command = samples.command("node", &["chat.mjs"]);
        at_home(&mut command, &daemon);
        command
    });
}

#[test]
fn the_websocket_client_streams_and_is_cancelled() {
    let Some(samples) = node() else { return };
    if !samples.can_run("node", &["--input-type=module", "-e", "import 'ws'"]) {
        return;
    }
    over_websocket(&samples, "chat.mjs");
    let daemon = daemon();
    streams_and_is_cancelled(&daemon, || {
        let mut command = samples.command("node", &["chat.mjs"]);
        at_home(&mut command, &daemon);
        command
    });
}

#[test]
fn the_node_client_writes_once_although_answers_are_cut_off() {
    let Some(samples) = node() else { return };
    writes_once(|scripted| {
        let lines = "const c = new Stina('test');
console.log((await c.write('kv.set', { key: 'a', value: 1 })).value);
await c.write('kv.set', { key: 'a', value: 2 }).catch((error) => console.log(error.kind));
c.close();";
        prints(&samples, scripted, lines)
    });
}

#[test]
fn the_node_client_is_sent_each_revision_once_across_breaks() {
    let Some(samples) = node() else { return };
    each_revision_once(|scripted| {
        let lines = "const c = new Stina('test');
await c.subscribe('kv.subscribe', { prefix: 'x', initial: true }, (event) => {
  console.log(event.type, event.rev);
  if (event.rev === 10) c.close();
});";
        prints(&samples, scripted, lines)
    });
}
