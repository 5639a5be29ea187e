//! Standard output: for people on a terminal, for scripts in a pipe.

use anstyle::{AnsiColor, Style};
use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Look {
    Plain,
    /// A heading, a name.
    Strong,
    /// A detail that matters less.
    Faint,
    /// Something that was created.
    Good,
    /// Something that was removed.
    Bad,
}

/// Columns of a long text in a list where there is no terminal to fit in.
const GIST: usize = 100;

/// The standard output. Each call writes at once: nothing stays in a buffer.
#[derive(Debug)]
pub(super) struct Output {
    /// Whether machines read it.
    pub(super) json: bool,
    /// Columns of the terminal; none when it is no terminal.
    pub(super) width: Option<usize>,
    colours: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        let stdout = io::stdout();
        let width = stdout.is_terminal().then(|| {
            let size = rustix::termios::tcgetwinsize(&stdout).ok();
            size.map(|s| usize::from(s.ws_col)).filter(|columns| *columns > 0).unwrap_or(80)
        });
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { json, width, colours: width.is_some() && !is_set("NO_COLOR") && !is_dumb }
    }

    /// `text` in colours, where there are any.
    pub(super) fn paint(&self, look: Look, text: &str) -> String {
        let style = match look {
            Look::Plain => return text.to_owned(),
            Look::Strong => Style::new().bold(),
            Look::Faint => Style::new().dimmed(),
            Look::Good => AnsiColor::Green.on_default(),
            Look::Bad => AnsiColor::Red.on_default(),
        };
        if self.colours { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Writes a line.
    pub(super) fn line(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.write_all(b"\n")?;
        stdout.flush()
    }

    /// Confirms a write: the verb, the name, and the revision.
    pub(super) fn did(&self, what: &str, name: &str, rev: u64) -> io::Result<()> {
        let rev = self.paint(Look::Faint, &format!("(revision {rev})"));
        self.line(&format!("{what} {} {rev}", super::text::clean(name)))
    }

    /// Writes a line of an overview: a name and its value.
    pub(super) fn detail(&self, name: &str, value: &str) -> io::Result<()> {
        let name = self.paint(Look::Strong, &format!("{name:<9}"));
        self.line(&format!("{name} {}", super::text::clean(value)))
    }

    /// Writes part of a line, or lines.
    pub(super) fn part(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// A stored text of many lines, as [`Self::foreign`] writes it; tabs stay.
    pub(super) fn harmless<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.width.is_none() { text.into() } else { super::text::clean_lines(text) }
    }

    /// The start of a long text on one line, as much of it as a list shows.
    pub(super) fn gist(&self, text: &str) -> String {
        let columns = self.width.unwrap_or(GIST);
        // No character takes more than 4 bytes, and few take no column: the rest is not worth a look.
        let end = text.floor_char_boundary(columns * 16);
        let gist = super::text::one_line(text.get(..end).unwrap_or(text));
        let gist = if end < text.len() { format!("{gist}…") } else { gist };
        super::text::shorten(&gist, columns).into_owned()
    }

    /// Into a pipe, for people.
    #[cfg(test)]
    pub(super) fn piped() -> Self {
        Self { json: false, width: None, colours: false }
    }

    /// Writes text from another thread, so that a reader that does not read holds up nothing but the next text: neither
    /// `--timeout` nor a signal waits for it.
    pub(super) async fn send(&self, text: String) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let written = tokio::task::spawn_blocking(move || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            stdout.flush()
        });
        written.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Writes a line about the output: below it for people, on standard error with --json.
    pub(super) fn remark(&self, text: &str) -> io::Result<()> {
        if self.json {
            return writeln!(io::stderr(), "{text}");
        }
        let text = self.width.map_or(Cow::Borrowed(text), |columns| super::text::shorten(text, columns));
        self.line(&self.paint(Look::Faint, &text))
    }

    /// Writes a value as one line of JSON.
    pub(super) fn json(&self, value: &impl serde::Serialize) -> io::Result<()> {
        self.line(&serde_json::to_string(value)?)
    }

    /// Writes stored text: unchanged into a pipe, without control characters on a terminal.
    pub(super) fn foreign(&self, text: &str) -> io::Result<()> {
        if self.width.is_none() {
            return self.line(text);
        }
        text.split('\n').try_for_each(|line| self.line(&super::text::clean(line)))
    }
}
