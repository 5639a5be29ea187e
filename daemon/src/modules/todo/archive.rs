//! When a todo counts as archived: it was closed, and a new day has begun since it was last updated.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The beginning of the day in which `now` is, in milliseconds since the Unix epoch. What was closed before it is
/// archived.
///
/// A day begins at midnight, or later where the clocks were put forward over midnight.
pub(super) fn day_start(now: i64, zone: &TimeZone) -> i64 {
    let start = Timestamp::from_millisecond(now).and_then(|now| now.to_zoned(zone.clone()).start_of_day());
    // Beyond the calendar (a clock of a test) there are no days: nothing is archived.
    start.map_or(i64::MIN, |start| start.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_local_midnight_also_when_clocks_change() {
        // Stockholm; and Asunción as it was, where clocks went from 0:00 to 1:00.
        let stockholm = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let asuncion = TimeZone::posix("<-04>4<-03>,M10.1.0/0,M3.4.0/0").unwrap();
        for (zone, now, start) in [
            (&stockholm, "2026-01-15T22:59:59.999Z", "2026-01-14T23:00:00Z"),
            (&stockholm, "2026-01-15T23:00:00Z", "2026-01-15T23:00:00Z"),
            (&stockholm, "2026-07-15T21:59:59Z", "2026-07-14T22:00:00Z"),
            (&stockholm, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z"),
            (&stockholm, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z"),
            (&asuncion, "2023-10-01T12:00:00Z", "2023-10-01T04:00:00Z"),
            (&TimeZone::UTC, "1969-12-31T23:59:59Z", "1969-12-31T00:00:00Z"),
        ] {
            let millis = |time: &str| time.parse::<Timestamp>().unwrap().as_millisecond();
            assert_eq!(day_start(millis(now), zone), millis(start), "{now}");
        }
        assert_eq!(day_start(i64::MAX, &TimeZone::UTC), i64::MIN);
    }
}
