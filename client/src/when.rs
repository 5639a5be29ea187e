//! Due times as people type and read them: `tomorrow 9:00`, `fri`, `+3d`, ISO 8601.
//!
//! ```
//! # fn main() -> Result<(), stina_client::protocol::ValidationError> {
//! use stina_client::when;
//!
//! let at = when::parse("tomorrow 9:00")?;
//! assert_eq!(when::due(at.get()).text, "tomorrow 09:00");
//! # Ok(())
//! # }
//! ```
//!
//! A small grammar over jiff, because the crates for it give the same words other meanings: `interim` refuses
//! `+3d` and reads `today` as the present time, `parse_datetime` reads the `d` of `3d` as a time zone.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::{Span, Timestamp, ToSpan, Zoned};
use stina_protocol::ValidationError;
use stina_protocol::types::Millis;

/// Reads a time as people type it, relative to now in the local time zone.
///
/// It is a day, a time of day, or both: `today`, `tomorrow 9:00`, `fri 14:00`, `2026-12-24`. A day alone means 00:00; a
/// weekday or a time alone means the next one. `+3d`, `+2h`, `-1w` count from now (min, h, d, w, mo, y), `+3d 9:00` is
/// that day at that time. ISO 8601 with or without an offset, and milliseconds since the Unix epoch, work too. Without an
/// offset, the local time zone applies.
///
/// # Errors
/// With an example of each form, when it is none of them.
pub fn parse(text: &str) -> Result<Millis, ValidationError> {
    parse_at(text, &Zoned::now())
}

/// A due time (ms since the Unix epoch) for people, in the local time zone.
pub fn due(at: i64) -> Due {
    Due::seen_at(at, &Zoned::now())
}

/// A due time as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Due {
    /// `tomorrow 09:00`, `2026-12-24`.
    pub text: String,
    /// Whether it has passed; a day alone passes with its end.
    pub is_past: bool,
}

impl Due {
    fn seen_at(at: i64, now: &Zoned) -> Self {
        let Ok(at) = Timestamp::from_millisecond(at) else {
            return Self { text: at.to_string(), is_past: at < 0 };
        };
        let at = at.to_zoned(now.time_zone().clone());
        let date = at.date();
        let day = match now.date().until(date).map(|span| span.get_days()) {
            Ok(-1) => "yesterday".to_owned(),
            Ok(0) => "today".to_owned(),
            Ok(1) => "tomorrow".to_owned(),
            _ => date.to_string(),
        };
        if at.start_of_day().is_ok_and(|start| start == at) {
            return Self { text: day, is_past: date < now.date() };
        }
        Self { text: format!("{day} {}", at.strftime("%H:%M")), is_past: at < *now }
    }
}

/// The time that `text` means at `now`, in the zone of `now`.
fn parse_at(text: &str, now: &Zoned) -> Result<Millis, ValidationError> {
    let text = text.trim();
    let at = absolute(text, now).or_else(|| relative(&text.to_lowercase(), now));
    let forms = "try `tomorrow 9:00`, `fri`, `+3d`, `+2h`, `2026-12-24` or `2026-12-24T14:00`";
    let at = at.ok_or(ValidationError::new(forms))?;
    Millis::new(at).map_err(|_| ValidationError::new("too far away"))
}

/// ISO 8601 and milliseconds.
fn absolute(text: &str, now: &Zoned) -> Option<i64> {
    /// Fewer digits than these are a date (`20261224`), seconds, or a slip of the finger.
    const DIGITS_OF_MILLIS: usize = 12;
    if let Ok(millis) = text.parse::<i64>()
        && text.len() >= DIGITS_OF_MILLIS
    {
        return Some(millis);
    }
    let local = |at: DateTime| at.to_zoned(now.time_zone().clone()).ok().map(|at| at.timestamp());
    let at = text.parse::<Zoned>().ok().map(|at| at.timestamp());
    let at = at.or_else(|| text.parse::<Timestamp>().ok());
    let at = at.or_else(|| text.parse::<DateTime>().ok().and_then(local));
    at.map(Timestamp::as_millisecond)
}

/// Forms that depend on now. `text` is in lower case.
fn relative(text: &str, now: &Zoned) -> Option<i64> {
    if let Some(at) = from_now(text, now) {
        return Some(at.timestamp().as_millisecond());
    }
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace().filter(|word| *word != "at") {
        match words.last_mut() {
            // `9 am` is `9am`.
            Some(last) if matches!(word, "am" | "pm") => last.push_str(word),
            _ => words.push(word.to_owned()),
        }
    }
    let (time, day) = match words.as_slice() {
        [one] if clock(one).is_some() => (clock(one), None),
        [day @ .., last] if clock(last).or_else(|| hour(last)).is_some() => {
            (clock(last).or_else(|| hour(last)), Some(day.join(" ")))
        }
        [first, day @ ..] if clock(first).is_some() => (clock(first), Some(day.join(" "))),
        day => (None, Some(day.join(" "))),
    };
    // A time that the clocks skip is moved later, also the 00:00 at which a day begins.
    let at = |date: Date| date.to_datetime(time.unwrap_or_default()).to_zoned(now.time_zone().clone()).ok();
    let next = |date: Date, days: i64| match at(date)? {
        past if past <= *now => at(date.checked_add(days.days()).ok()?),
        coming => Some(coming),
    };
    let today = now.date();
    let at = match day.as_deref() {
        None => next(today, 1),
        Some("today") => at(today),
        Some("tomorrow") => at(today.tomorrow().ok()?),
        Some("yesterday") => at(today.yesterday().ok()?),
        Some(day) => match weekday(day) {
            Some(weekday) if weekday == today.weekday() => next(today, 7),
            Some(weekday) => at(today.nth_weekday(1, weekday).ok()?),
            None => at(day.parse::<Date>().ok().or_else(|| from_now(day, now).map(|day| day.date()))?),
        },
    };
    at.map(|at| at.timestamp().as_millisecond())
}

/// `now`, `+3d`, `-2h`, `in 2 weeks`, `3 days`. A day is a day of the calendar, whatever its length.
fn from_now(text: &str, now: &Zoned) -> Option<Zoned> {
    if text == "now" {
        return Some(now.clone());
    }
    let span: Span = text.strip_prefix("in ").unwrap_or(text).parse().ok()?;
    now.checked_add(span).ok()
}

/// `9:00`, `14:30:05`, `9am`, `9:30pm`.
fn clock(text: &str) -> Option<Time> {
    let forms = ["%H:%M", "%H:%M:%S", "%I%p", "%I:%M%p"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_digit());
    is_plain.then(|| forms.iter().find_map(|form| Time::strptime(form, text).ok())).flatten()
}

/// A bare hour, which is a time only beside a day: `tomorrow 9`.
fn hour(text: &str) -> Option<Time> {
    clock(&format!("{text}:00")).filter(|_| !text.contains(':'))
}

/// A day of the week by its English name, or three letters or more of it.
fn weekday(text: &str) -> Option<Weekday> {
    const NAMES: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let is_meant = |name: &str| text.len() >= 3 && name.starts_with(text);
    NAMES.iter().find(|(name, _)| is_meant(name)).map(|(_, day)| *day)
}

#[cfg(test)]
mod tests;
