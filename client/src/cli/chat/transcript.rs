//! What is said, as people read it: who and when, then the text; of messages that are being written, words as they
//! come. Every word once.

use crate::cli::output::{Look, Output};
use crate::cli::text::time;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use stina_protocol::chat::{Message, MessageState, Role};
use stina_protocol::event::Delta;

/// How long somebody who is speaking may pause before the words of another who speaks at the same time are shown.
const PAUSE: Duration = Duration::from_millis(500);

/// What is said where words that were printed do not hold any more.
const OTHER_TEXT: &str = "[its text became another]";

/// A conversation on its way to the screen. Its methods answer what is to be printed next.
#[derive(Debug)]
pub(super) struct Transcript<'o> {
    out: &'o Output,
    /// Highest `seq` of all messages that were shown: what is over it is new.
    seen: u64,
    /// Messages that are being written, by their ids.
    open: BTreeMap<String, Open>,
    /// Whose words the last line is of, and when the last of them came.
    speaker: Option<(String, Instant)>,
    /// The last character printed, if there is one.
    last: Option<char>,
}

/// A message that is being written.
#[derive(Debug)]
struct Open {
    message: Message,
    text: String,
    /// Bytes of `text` that were printed.
    printed: usize,
    /// Whether it was said who speaks.
    announced: bool,
}

impl<'o> Transcript<'o> {
    pub(super) fn new(out: &'o Output) -> Self {
        Self { out, seen: 0, open: BTreeMap::new(), speaker: None, last: None }
    }

    /// Messages up to this `seq` are not shown, except those that are still being written.
    pub(super) fn skip_to(&mut self, seq: u64) {
        self.seen = self.seen.max(seq);
    }

    /// Highest `seq` of all messages that were shown.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether a message is being written as far as is known.
    pub(super) fn is_open(&self, id: &str) -> bool {
        self.open.contains_key(id)
    }

    /// Another history: numbers of messages begin anew.
    pub(super) fn forget(&mut self) {
        self.seen = 0;
        self.open.clear();
        self.speaker = None;
    }

    /// A message came to be or changed.
    pub(super) fn put(&mut self, message: &Message, now: Instant) -> String {
        if let Some(open) = self.open.get_mut(&message.id) {
            return match message.state {
                MessageState::Complete => self.end(message, now),
                MessageState::Streaming => {
                    open.message = message.clone();
                    String::new()
                }
            };
        }
        if message.seq <= self.seen {
            return String::new();
        }
        self.seen = message.seq;
        self.whole(message, now)
    }

    /// A message that was not shown before; of one that is being written, its words follow.
    pub(super) fn whole(&mut self, message: &Message, now: Instant) -> String {
        if message.state == MessageState::Streaming {
            let text = message.content.clone();
            let open = Open { message: message.clone(), text, printed: 0, announced: false };
            self.open.insert(message.id.clone(), open);
            return self.speak(&message.id, now);
        }
        self.still(message)
    }

    /// A message as it is now.
    pub(super) fn still(&mut self, message: &Message) -> String {
        let mut printed = String::new();
        self.header(&mut printed, message, false);
        self.words(&mut printed, &message.content);
        match (message.state, message.aborted) {
            (MessageState::Streaming, _) => self.mark(&mut printed, "[being written]"),
            (MessageState::Complete, true) => self.mark(&mut printed, "[aborted]"),
            (MessageState::Complete, false) => self.break_line(&mut printed),
        }
        self.speaker = None;
        printed
    }

    /// A message is gone.
    pub(super) fn delete(&mut self, id: &str) -> String {
        let mut printed = String::new();
        if let Some(open) = self.open.remove(id)
            && open.announced
        {
            self.take_line(&mut printed, id, &open);
            self.mark(&mut printed, "[deleted]");
            self.speaker = None;
        }
        printed
    }

    /// Words of a message that is being written.
    pub(super) fn delta(&mut self, delta: &Delta, now: Instant) -> String {
        let Some(open) = self.open.get_mut(&delta.message_id) else { return String::new() };
        let known = usize::try_from(delta.offset).ok().and_then(|offset| open.text.get(offset..));
        let is_known = known.is_some_and(|known| known.starts_with(&delta.text));
        let new = known.and_then(|known| delta.text.strip_prefix(known));
        let mut printed = String::new();
        match new {
            Some(new) => open.text.push_str(new),
            None if is_known => {}
            // Offset 0 replaces whatever was there; else its end will bring the whole text.
            None if delta.offset == 0 => {
                open.text.clone_from(&delta.text);
                if std::mem::take(&mut open.printed) > 0 {
                    printed = self.remark(OTHER_TEXT);
                }
            }
            None => {}
        }
        printed.push_str(&self.speak(&delta.message_id, now));
        printed
    }

    /// When the words of somebody who waits are to be shown.
    pub(super) fn due(&self) -> Option<Instant> {
        let (speaker, since) = self.speaker.as_ref()?;
        let waits = |(id, open): (&String, &Open)| id != speaker && open.has_news();
        self.open.iter().any(waits).then_some(*since + PAUSE)
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Instant) -> String {
        let waiting = self.open.iter().filter(|(_, open)| open.has_news());
        let first = waiting.min_by_key(|(_, open)| open.message.seq).map(|(id, _)| id.clone());
        first.map_or_else(String::new, |id| self.speak(&id, now))
    }

    /// A remark of this program's.
    pub(super) fn remark(&mut self, text: &str) -> String {
        let mut printed = String::new();
        self.mark(&mut printed, text);
        self.speaker = None;
        printed
    }

    /// Prints what is new of a message, unless another is being spoken.
    fn speak(&mut self, id: &str, now: Instant) -> String {
        if let Some((speaker, since)) = &self.speaker
            && speaker != id
            && now < *since + PAUSE
        {
            return String::new();
        }
        let Some(mut open) = self.open.remove(id) else { return String::new() };
        let mut printed = String::new();
        if open.has_news() {
            self.take_line(&mut printed, id, &open);
            self.words(&mut printed, &open.text[open.printed..]);
            (open.printed, open.announced) = (open.text.len(), true);
            self.speaker = Some((id.to_owned(), now));
        }
        self.open.insert(id.to_owned(), open);
        printed
    }

    /// A message that was being written has ended: the rest of it is shown, and the next who waits may speak.
    fn end(&mut self, message: &Message, now: Instant) -> String {
        let Some(open) = self.open.remove(&message.id) else { return String::new() };
        let shown = &open.text[..open.printed];
        let mut printed = String::new();
        let rest = message.content.strip_prefix(shown);
        // What a crash of the daemon took back can't be taken off the screen.
        let is_cut = rest.is_none() && message.aborted && shown.starts_with(&message.content);
        if rest.is_none_or(|rest| !rest.is_empty()) || message.aborted || !open.announced {
            self.take_line(&mut printed, &message.id, &open);
        }
        match rest {
            Some(rest) => self.words(&mut printed, rest),
            None if is_cut => {}
            None => {
                self.mark(&mut printed, OTHER_TEXT);
                self.words(&mut printed, &message.content);
            }
        }
        if is_cut {
            self.mark(
                &mut printed,
                &format!("[aborted; the last {} bytes were not saved]", shown.len() - message.content.len()),
            );
        } else if message.aborted {
            self.mark(&mut printed, "[aborted]");
        }
        if self.is_speaker(&message.id) || !printed.is_empty() {
            self.break_line(&mut printed);
            self.speaker = None;
            let next = self.tick(now);
            printed.push_str(&next);
        }
        printed
    }

    fn is_speaker(&self, id: &str) -> bool {
        self.speaker.as_ref().is_some_and(|(speaker, _)| speaker == id)
    }

    /// Sees to it that what is printed next belongs to this message.
    fn take_line(&mut self, printed: &mut String, id: &str, open: &Open) {
        if !self.is_speaker(id) {
            self.header(printed, &open.message, open.announced);
        }
    }

    fn header(&mut self, printed: &mut String, message: &Message, goes_on: bool) {
        self.break_line(printed);
        if self.last.is_some() {
            printed.push('\n');
        }
        let role = self.out.paint(look(message.role), message.role.as_str());
        let mut about = time(message.created_at, "%Y-%m-%d %H:%M:%S");
        if goes_on {
            about.push_str(", going on");
        }
        printed.push_str(&format!("{role}  {}\n", self.out.paint(Look::Faint, &about)));
        self.last = Some('\n');
    }

    fn words(&mut self, printed: &mut String, words: &str) {
        printed.push_str(&self.out.harmless(words));
        self.last = words.chars().next_back().or(self.last);
    }

    fn mark(&mut self, printed: &mut String, text: &str) {
        self.break_line(printed);
        printed.push_str(&format!("{}\n", self.out.paint(Look::Faint, text)));
        self.last = Some('\n');
    }

    fn break_line(&mut self, printed: &mut String) {
        if self.last.is_some_and(|last| last != '\n') {
            printed.push('\n');
            self.last = Some('\n');
        }
    }
}

impl Open {
    fn has_news(&self) -> bool {
        self.printed < self.text.len()
    }
}

fn look(role: Role) -> Look {
    match role {
        Role::User => Look::Strong,
        Role::Assistant => Look::Good,
        Role::Error => Look::Bad,
        Role::Instructions | Role::Info | Role::Tool | Role::Debug => Look::Plain,
    }
}

#[cfg(test)]
mod tests;
