//! The Python programs of `docs/clients.md`.

use super::samples::{
    Samples, at_home, at_socket, each_revision_once, output, streams_and_is_cancelled,
    watches_across_restarts, writes_once,
};
use crate::daemon;
use serde_json::{Value, json};
use stina_tests::Scripted;

/// The Python programs, where there is a Python.
fn python() -> Option<Samples> {
    let samples = Samples::of("python");
    samples.can_run("python3", &["-c", "import socket"]).then_some(samples)
}

/// The output of lines that use `stina.py`.
fn prints(samples: &Samples, scripted: &Scripted, lines: &str) -> String {
    let lines = format!("from stina import *\n{lines}");
    output(at_socket(&mut samples.command("python3", &["-c", &lines]), &scripted.socket()))
}

#[test]
fn the_python_client_watches_across_restarts() {
    let Some(samples) = python() else { return };
    let mut daemon = daemon();
    let mut command = samples.command("python3", &["stina.py"]);
    at_home(&mut command, &daemon);
    watches_across_restarts(&mut daemon, &mut command, "put greeting hej från Python");
}

#[test]
fn the_python_client_streams_and_is_cancelled() {
    let Some(samples) = python() else { return };
    let daemon = daemon();
    streams_and_is_cancelled(&daemon, || {
        let mut command = samples.command("python3", &["stream.py"]);
        at_home(&mut command, &daemon);
        command
    });
}

#[test]
fn the_python_client_streams_in_pieces_of_any_size() {
    let Some(samples) = python() else { return };
    let scripted = Scripted::start(|stage| match stage.method {
        "chat.appendDelta" => {
            let params = &stage.request["params"];
            let end = params["offset"].as_u64().unwrap() + params["text"].as_str().unwrap().len() as u64;
            stage.reply(json!({"offset": end}));
        }
        "chat.finishMessage" => stage.reply(json!({"rev": 1, "value": {"aborted": false}})),
        _ => stage.reply(json!(1)),
    });
    let text = "å日🙂".repeat(10_000);
    samples.write("text", &text);
    let mut command = samples.command("sh", &["-c", "python3 stream.py < text"]);
    assert_eq!(output(at_socket(&mut command, &scripted.socket())), "complete\n");
    let requests = scripted.requests();
    let sent: Vec<&str> = requests.iter().filter_map(|r| r["params"]["text"].as_str()).collect();
    assert!(sent.len() < 20 && sent.concat() == text, "{} deltas", sent.len());
}

#[test]
fn threads_share_a_python_client_while_it_is_cut_off() {
    let Some(samples) = python() else { return };
    let mut requests = 0;
    let mut values = std::collections::HashMap::new();
    let scripted = Scripted::start(move |stage| {
        requests += 1;
        let id = stage.request["params"]["requestId"].as_str().unwrap().to_owned();
        let next = values.len();
        let value = *values.entry(id).or_insert(next);
        match requests % 7 {
            0 => stage.hang_up(),
            _ => stage.reply(json!({"rev": 1, "value": value})),
        }
    });
    let lines = "
c, got = Stina('test'), queue.SimpleQueue()
def work():
    for _ in range(10): got.put(c.write('kv.increment', key='n')['value'])
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(sorted(got.get() for _ in range(40)) == list(range(40)))";
    assert_eq!(prints(&samples, &scripted, lines), "True\n");
}

#[test]
fn a_call_in_a_python_callback_is_refused_rather_than_waiting_for_itself() {
    let Some(samples) = python() else { return };
    let scripted = Scripted::start(|stage| {
        stage.reply(json!(1));
        stage.send_event(1, json!({"type": "synced", "rev": 1}));
    });
    let lines = "
c, got = Stina('test'), queue.SimpleQueue()
def on_event(event):
    try: c.call('store.ping')
    except RuntimeError as e: got.put(e)
c.subscribe('kv.subscribe', on_event)
print(got.get())";
    assert!(prints(&samples, &scripted, lines).starts_with("a callback must make no call"));
}

#[test]
fn the_python_client_writes_once_although_answers_are_cut_off() {
    let Some(samples) = python() else { return };
    writes_once(|scripted| {
        let lines = "c = Stina('test'); print(c.write('kv.set', key='a', value=1)['value'])
try: c.write('kv.set', key='a', value=2)
except StinaError as e: print(e.kind)";
        prints(&samples, scripted, lines)
    });
}

#[test]
fn the_python_client_is_sent_each_revision_once_across_breaks() {
    let Some(samples) = python() else { return };
    each_revision_once(|scripted| {
        let lines = "
c, events = Stina('test'), queue.SimpleQueue()
c.subscribe('kv.subscribe', events.put, prefix='x', initial=True)
for e in iter(events.get, None):
    print(e['type'], e['rev'])
    if e['rev'] == 10: break";
        prints(&samples, scripted, lines)
    });
}

#[test]
fn the_python_client_unsubscribes() {
    let Some(samples) = python() else { return };
    let scripted = Scripted::start(|stage| stage.reply(json!(1)));
    let lines = "
c = Stina('test')
c.subscribe('chat.subscribe', print).close()";
    prints(&samples, &scripted, lines);
    let methods: Vec<Value> = scripted.requests().iter().map(|r| r["method"].clone()).collect();
    assert_eq!(json!(methods), json!(["chat.subscribe", "chat.unsubscribe"]));
}
