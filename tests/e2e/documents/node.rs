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

/// What lines that use `client.mjs` print.
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
    let mut command = samples.command("node", &["websocket.mjs"]);
    at_home(&mut command, &daemon);
    watches_across_restarts(&mut daemon, &mut command, "hej från ws");
}

#[test]
fn the_node_client_streams_and_is_cancelled() {
    let Some(samples) = node() else { return };
    let daemon = daemon();
    streams_and_is_cancelled(&daemon, || {
        let mut command = samples.command("node", &["stream.mjs"]);
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
    let text = |name: &str| std::fs::read_to_string(samples.path(name)).unwrap();
    let (dial, _) =
        text("websocket.mjs").split_once("\nconst stina").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    samples.write("dial.mjs", &dial);
    let stream = text("stream.mjs").replace("new Stina(\"example\")", "new Stina(\"example\", websocket)");
    samples.write("over-websocket.mjs", &format!("import {{ websocket }} from './dial.mjs';\n{stream}"));
    let daemon = daemon();
    streams_and_is_cancelled(&daemon, || {
        let mut command = samples.command("node", &["over-websocket.mjs"]);
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
