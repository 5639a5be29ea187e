//! Archived todos: closed ones that were last updated before today.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The start of the day of `now`, in milliseconds since the Unix epoch. Todos that were closed before it are archived.
///
/// A day starts at midnight, or later if the clocks skip midnight.
pub(super) fn day_start(now: i64, zone: &TimeZone) -> i64 {
    let start = Timestamp::from_millisecond(now).and_then(|now| now.to_zoned(zone.clone()).start_of_day());
    // Times beyond the calendar (of a test's clock) have no day: nothing is archived.
    start.map_or(i64::MIN, |start| start.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_starts_at_local_midnight_even_when_clocks_change() {
        // Stockholm; and Asunción, where the clocks used to skip from 0:00 to 1:00.
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
