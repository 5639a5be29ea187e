//! A conversation for people: author and time, then the text; of streaming messages, the text as it arrives. No text
//! twice.

use crate::output::{Look, Output};
use crate::text::time;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use stina_protocol::chat::{Message, MessageState, Role};
use stina_protocol::event::Delta;

/// How long the shown message may pause before another streaming message is shown.
const PAUSE: Duration = Duration::from_millis(500);

/// The mark after printed text that is no longer part of its message.
const REPLACED: &str = "[its text was replaced]";

/// The state of a printed conversation. Its methods return the text to print next.
#[derive(Debug)]
pub(super) struct Transcript<'o> {
    out: &'o Output,
    /// Highest `seq` of all messages that were shown: a higher one is new.
    seen: u64,
    /// Streaming messages, by their ids.
    open: BTreeMap<String, StreamingMessage>,
    /// The message that the last line belongs to, and when its last text arrived.
    shown: Option<(String, Instant)>,
    /// The last character printed, if there is one.
    last: Option<char>,
}

/// A streaming message.
#[derive(Debug)]
struct StreamingMessage {
    message: Message,
    text: String,
    /// Bytes of `text` that were printed.
    printed: usize,
    /// Whether its header was printed.
    announced: bool,
}

impl<'o> Transcript<'o> {
    pub(super) fn new(out: &'o Output) -> Self {
        Self { out, seen: 0, open: BTreeMap::new(), shown: None, last: None }
    }

    /// Messages up to this `seq` are not shown, except streaming ones.
    pub(super) fn skip_to(&mut self, seq: u64) {
        self.seen = self.seen.max(seq);
    }

    /// Highest `seq` of all messages that were shown.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether a message is streaming, as far as the events so far say.
    pub(super) fn is_open(&self, id: &str) -> bool {
        self.open.contains_key(id)
    }

    /// The database has another history, with other numbers of messages.
    pub(super) fn forget(&mut self) {
        self.seen = 0;
        self.open.clear();
        self.shown = None;
    }

    /// A message was created or changed.
    pub(super) fn put(&mut self, message: &Message, now: Instant) -> String {
        if let Some(open) = self.open.get_mut(message.id.as_str()) {
            return match message.state {
                MessageState::Streaming => {
                    open.message = message.clone();
                    String::new()
                }
                _ => self.end(message, now),
            };
        }
        if message.seq <= self.seen {
            return String::new();
        }
        self.seen = message.seq;
        self.whole(message, now)
    }

    /// A message that was not shown before; of a streaming one, the text so far.
    pub(super) fn whole(&mut self, message: &Message, now: Instant) -> String {
        if message.state == MessageState::Streaming {
            let text = message.content.clone();
            let open = StreamingMessage { message: message.clone(), text, printed: 0, announced: false };
            self.open.insert(message.id.to_string(), open);
            return self.advance(&message.id, now);
        }
        self.still(message)
    }

    /// A message with its current state.
    pub(super) fn still(&mut self, message: &Message) -> String {
        let mut printed = String::new();
        self.header(&mut printed, message, false);
        self.text(&mut printed, &message.content);
        match (&message.state, message.aborted) {
            (MessageState::Streaming, _) => self.mark(&mut printed, "[streaming]"),
            (_, true) => self.mark(&mut printed, "[aborted]"),
            (_, false) => self.break_line(&mut printed),
        }
        self.shown = None;
        printed
    }

    /// A message was deleted.
    pub(super) fn delete(&mut self, id: &str) -> String {
        let mut printed = String::new();
        if let Some(open) = self.open.remove(id)
            && open.announced
        {
            self.take_line(&mut printed, id, &open);
            self.mark(&mut printed, "[deleted]");
            self.shown = None;
        }
        printed
    }

    /// Text of a streaming message arrived.
    pub(super) fn delta(&mut self, delta: &Delta, now: Instant) -> String {
        let Some(open) = self.open.get_mut(delta.message_id.as_str()) else { return String::new() };
        let known = usize::try_from(delta.offset).ok().and_then(|offset| open.text.get(offset..));
        let is_known = known.is_some_and(|known| known.starts_with(&delta.text));
        let new = known.and_then(|known| delta.text.strip_prefix(known));
        let mut printed = String::new();
        match new {
            Some(new) => open.text.push_str(new),
            None if is_known => {}
            // Offset 0 replaces the text; after any other gap, the end of the message brings the whole text.
            None if delta.offset == 0 => {
                open.text.clone_from(&delta.text);
                if std::mem::take(&mut open.printed) > 0 {
                    printed = self.remark(REPLACED);
                }
            }
            None => {}
        }
        printed.push_str(&self.advance(&delta.message_id, now));
        printed
    }

    /// When the text of a waiting message is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let (shown, since) = self.shown.as_ref()?;
        let waits = |(id, open): (&String, &StreamingMessage)| id != shown && open.has_new_text();
        self.open.iter().any(waits).then_some(*since + PAUSE)
    }

    /// Shows the oldest waiting message, if the shown one has paused long enough.
    pub(super) fn tick(&mut self, now: Instant) -> String {
        let waiting = self.open.iter().filter(|(_, open)| open.has_new_text());
        let first = waiting.min_by_key(|(_, open)| open.message.seq).map(|(id, _)| id.clone());
        first.map_or_else(String::new, |id| self.advance(&id, now))
    }

    /// A remark by this program.
    pub(super) fn remark(&mut self, text: &str) -> String {
        let mut printed = String::new();
        self.mark(&mut printed, text);
        self.shown = None;
        printed
    }

    /// Prints the new text of a message, unless another is shown and has not paused long enough.
    fn advance(&mut self, id: &str, now: Instant) -> String {
        if let Some((shown, since)) = &self.shown
            && shown != id
            && now < *since + PAUSE
        {
            return String::new();
        }
        let Some(mut open) = self.open.remove(id) else { return String::new() };
        let mut printed = String::new();
        if open.has_new_text() {
            self.take_line(&mut printed, id, &open);
            self.text(&mut printed, &open.text[open.printed..]);
            (open.printed, open.announced) = (open.text.len(), true);
            self.shown = Some((id.to_owned(), now));
        }
        self.open.insert(id.to_owned(), open);
        printed
    }

    /// A streaming message has ended: the rest of it is shown, then the next waiting one.
    fn end(&mut self, message: &Message, now: Instant) -> String {
        let Some(open) = self.open.remove(message.id.as_str()) else { return String::new() };
        let shown = &open.text[..open.printed];
        let mut printed = String::new();
        let rest = message.content.strip_prefix(shown);
        // Text that a crash of the daemon lost is on the screen already.
        let is_cut = rest.is_none() && message.aborted && shown.starts_with(&message.content);
        if rest.is_none_or(|rest| !rest.is_empty()) || message.aborted || !open.announced {
            self.take_line(&mut printed, &message.id, &open);
        }
        match rest {
            Some(rest) => self.text(&mut printed, rest),
            None if is_cut => {}
            None => {
                self.mark(&mut printed, REPLACED);
                self.text(&mut printed, &message.content);
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
        if self.is_shown(&message.id) || !printed.is_empty() {
            self.break_line(&mut printed);
            self.shown = None;
            let next = self.tick(now);
            printed.push_str(&next);
        }
        printed
    }

    fn is_shown(&self, id: &str) -> bool {
        self.shown.as_ref().is_some_and(|(shown, _)| shown == id)
    }

    /// Prints the header of this message, unless the last line belongs to it.
    fn take_line(&mut self, printed: &mut String, id: &str, open: &StreamingMessage) {
        if !self.is_shown(id) {
            self.header(printed, &open.message, open.announced);
        }
    }

    fn header(&mut self, printed: &mut String, message: &Message, is_continued: bool) {
        self.break_line(printed);
        if self.last.is_some() {
            printed.push('\n');
        }
        let role = self.out.paint(look(&message.role), message.role.as_str());
        let mut about = time(message.created_at, "%Y-%m-%d %H:%M:%S");
        if is_continued {
            about.push_str(", continued");
        }
        printed.push_str(&format!("{role}  {}\n", self.out.paint(Look::Faint, &about)));
        self.last = Some('\n');
    }

    fn text(&mut self, printed: &mut String, text: &str) {
        printed.push_str(&self.out.harmless(text));
        self.last = text.chars().next_back().or(self.last);
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

impl StreamingMessage {
    fn has_new_text(&self) -> bool {
        self.printed < self.text.len()
    }
}

fn look(role: &Role) -> Look {
    match role {
        Role::User => Look::Strong,
        Role::Assistant => Look::Good,
        Role::Error => Look::Bad,
        _ => Look::Plain,
    }
}

#[cfg(test)]
mod tests;
