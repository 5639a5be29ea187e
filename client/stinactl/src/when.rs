//! Arguments that are times.

use stina_protocol::ValidationError;
use stina_protocol::types::Millis;

pub(super) use stina_client::when::{due, parse as time};

/// The forms of a time, for the help of every argument that takes one.
pub(super) const FORMS: &str = "WHEN is a day, a time of day, or both: `today`, `tomorrow 9:00`, `fri 14:00`, `2026-12-24`. \
    A day alone means 00:00; a weekday or a time alone means the next one. `+3d`, `+2h`, `-1w` count from now \
    (min, h, d, w, mo, y), `+3d 9:00` is that day at that time. ISO 8601 with or without an offset, and milliseconds \
    since the Unix epoch, work too. Without an offset, your time zone applies.";

/// An argument that is a time or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct When(pub(super) Option<Millis>);

impl When {
    /// Reads an argument, relative to now in the local zone.
    pub(super) fn read(text: &str) -> Result<Self, ValidationError> {
        if text.trim().eq_ignore_ascii_case("none") { Ok(Self(None)) } else { time(text).map(Some).map(Self) }
    }
}

/// A due time for people, and the exact one: `tomorrow 09:00 (Thu 2026-12-24 09:00 CET)`.
pub(super) fn exact(at: i64) -> String {
    format!("{} ({})", due(at).text, super::text::time(at, "%a %Y-%m-%d %H:%M %Z"))
}
