use super::*;
use serde_json::json;
use stina_protocol::EntityId;

fn message(name: &str, seq: u64, content: &str, state: MessageState) -> Message {
    let id = |text: &str| EntityId::new(text).unwrap();
    let mut message = Message::new(id(name), (id("c"), id("i")), Role::Assistant, content);
    (message.seq, message.rev, message.state) = (seq, seq, state);
    message
}

fn open(id: &str, seq: u64, content: &str) -> Message {
    message(id, seq, content, MessageState::Streaming)
}

fn whole(id: &str, seq: u64, content: &str) -> Message {
    message(id, seq, content, MessageState::Complete)
}

fn aborted(id: &str, seq: u64, content: &str) -> Message {
    let mut message = whole(id, seq, content);
    message.aborted = true;
    message
}

/// One event, or time that passes.
enum Step {
    Put(Message),
    Delta(&'static str, u64, &'static str),
    Delete(&'static str),
    /// That many milliseconds pass.
    Pass(u64),
}
use Step::{Delete, Delta as Words, Pass, Put};

/// The text that these steps print, without times.
fn printed(steps: Vec<Step>) -> String {
    let out = Output::piped();
    let mut transcript = Transcript::new(&out);
    let mut now = Instant::now();
    let mut printed = String::new();
    for step in steps {
        printed.push_str(&match step {
            Put(message) => transcript.put(&message, now),
            Words(id, offset, text) => {
                let delta = json!({"messageId": id, "conversationId": "c", "offset": offset, "text": text});
                let delta = serde_json::from_value(delta).unwrap();
                transcript.delta(&delta, now)
            }
            Delete(id) => transcript.delete(id),
            Pass(millis) => {
                now += Duration::from_millis(millis);
                if transcript.due().is_some_and(|due| due <= now) {
                    transcript.tick(now)
                } else {
                    String::new()
                }
            }
        });
    }
    without_times(&printed)
}

/// The printed text, without times.
fn without_times(printed: &str) -> String {
    printed.replace(&format!("  {}", time(0, "%Y-%m-%d %H:%M:%S")), ":")
}

#[test]
fn text_is_printed_as_it_comes_and_once() {
    for (steps, expected) in [
        (vec![Put(whole("a", 1, "hej")), Put(whole("b", 2, "x\n"))], "assistant:\nhej\n\nassistant:\nx\n"),
        // Put again, and changed after it was shown.
        (
            vec![Put(whole("a", 1, "hej")), Put(whole("a", 1, "hej")), Put(aborted("a", 1, "hej"))],
            "assistant:\nhej\n",
        ),
        (
            vec![
                Put(open("a", 1, "")),
                Words("a", 0, "hej "),
                Words("a", 4, "på"),
                Put(whole("a", 1, "hej på")),
            ],
            "assistant:\nhej på\n",
        ),
        // After a reconnect all text so far comes again, then new text.
        (
            vec![Put(open("a", 1, "å")), Words("a", 0, "åäö"), Words("a", 0, "åäö"), Words("a", 6, "!")],
            "assistant:\nåäö!",
        ),
        // The printed text is shorter than the message, or longer.
        (
            vec![Put(open("a", 1, "")), Words("a", 0, "hej"), Put(whole("a", 1, "hej då"))],
            "assistant:\nhej då\n",
        ),
        (
            vec![Put(open("a", 1, "")), Words("a", 0, "hej då"), Put(aborted("a", 1, "hej"))],
            "assistant:\nhej då\n[aborted; the last 4 bytes were not saved]\n",
        ),
        (vec![Put(open("a", 1, "hej")), Put(aborted("a", 1, "hej"))], "assistant:\nhej\n[aborted]\n"),
        (
            vec![Put(open("a", 1, "hej")), Put(whole("a", 1, "other"))],
            "assistant:\nhej\n[its text was replaced]\nother\n",
        ),
        (
            vec![Put(open("a", 1, "hej")), Words("a", 0, "other")],
            "assistant:\nhej\n[its text was replaced]\n\nassistant:, continued\nother",
        ),
        (vec![Put(open("a", 1, "hej")), Delete("a")], "assistant:\nhej\n[deleted]\n"),
        // A message without text has no header.
        (vec![Put(open("a", 1, ""))], ""),
        (vec![Put(open("a", 1, "")), Put(whole("a", 1, ""))], "assistant:\n"),
        (vec![Words("unknown", 0, "x"), Delete("unknown")], ""),
    ] {
        assert_eq!(printed(steps), expected);
    }
}

#[test]
fn a_message_is_not_interrupted_by_other_streaming_ones() {
    let both = || {
        vec![
            Put(open("a", 1, "a1 ")),
            Put(open("b", 2, "b1 ")),
            Words("a", 3, "a2 "),
            Words("b", 3, "b2 "),
            Pass(400),
        ]
    };
    let a = "assistant:\na1 a2 ";
    let b = "\n\nassistant:\nb1 b2 ";
    assert_eq!(printed(both()), a);
    // Until the shown message pauses, or has ended.
    let paused = [both(), vec![Pass(200), Words("a", 6, "a3"), Words("b", 6, "b3")]].concat_steps();
    assert_eq!(printed(paused), format!("{a}{b}b3"));
    let ended = [both(), vec![Put(whole("a", 1, "a1 a2 "))]].concat_steps();
    assert_eq!(printed(ended), format!("{a}{b}"));
    let back = [both(), vec![Pass(200), Words("a", 6, "a3"), Pass(500)]].concat_steps();
    assert_eq!(
        printed(back),
        format!("{a}{b}\n\nassistant, continued:\na3")
            .replace("assistant, continued:", "assistant:, continued")
    );
}

#[test]
fn messages_are_shown_with_their_state() {
    let out = Output::piped();
    let mut transcript = Transcript::new(&out);
    let shown: String = [open("a", 1, "half"), open("b", 2, ""), aborted("c", 3, "x\n")]
        .iter()
        .map(|m| transcript.still(m))
        .collect();
    let shown = without_times(&shown);
    assert_eq!(
        shown,
        "assistant:\nhalf\n[streaming]\n\nassistant:\n[streaming]\n\nassistant:\nx\n[aborted]\n"
    );
}

#[test]
fn a_complete_message_is_shown_at_once_although_another_is_streaming() {
    let steps = vec![
        Put(open("a", 1, "a1 ")),
        Put(whole("b", 2, "b")),
        Words("a", 3, "a2"),
        Put(whole("a", 1, "a1 a2")),
    ];
    assert_eq!(printed(steps), "assistant:\na1 \n\nassistant:\nb\n\nassistant:, continued\na2\n");
}

trait Concat {
    fn concat_steps(self) -> Vec<Step>;
}

impl Concat for [Vec<Step>; 2] {
    fn concat_steps(self) -> Vec<Step> {
        self.into_iter().flatten().collect()
    }
}
