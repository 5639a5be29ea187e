//! Times at a fixed clock and zone.

use super::*;

/// A Friday afternoon in Stockholm, two days before the clocks go forward there.
const FRIDAY: &str = "2026-03-27T15:30:00[Europe/Stockholm]";

fn at(now: &str, text: &str) -> Option<String> {
    let now: Zoned = now.parse().unwrap();
    let millis = parse_at(text, &now).ok()?;
    let at = Timestamp::from_millisecond(millis.get()).unwrap();
    Some(at.to_zoned(now.time_zone().clone()).strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string())
}

fn check(now: &str, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(at(now, text).as_deref(), Some(*expected), "{text:?}");
    }
}

#[test]
fn a_day_without_a_time_means_midnight() {
    check(
        FRIDAY,
        &[
            ("today", "2026-03-27T00:00:00+01:00"),
            ("today 18:00", "2026-03-27T18:00:00+01:00"),
            ("Tomorrow", "2026-03-28T00:00:00+01:00"),
            ("tomorrow 9:00", "2026-03-28T09:00:00+01:00"),
            (" tomorrow  at 9 ", "2026-03-28T09:00:00+01:00"),
            ("tomorrow at 9 AM", "2026-03-28T09:00:00+01:00"),
            ("9:30 pm tomorrow", "2026-03-28T21:30:00+01:00"),
            ("9:30pm tomorrow", "2026-03-28T21:30:00+01:00"),
            ("tomorrow 12am", "2026-03-28T00:00:00+01:00"),
            ("tomorrow 12pm", "2026-03-28T12:00:00+01:00"),
            ("tomorrow 9:00:05", "2026-03-28T09:00:05+01:00"),
            ("yesterday", "2026-03-26T00:00:00+01:00"),
        ],
    );
}

#[test]
fn a_weekday_or_a_time_alone_means_the_next_one() {
    check(
        FRIDAY,
        &[
            ("fri", "2026-04-03T00:00:00+02:00"),
            ("fri 14:00", "2026-04-03T14:00:00+02:00"),
            ("fri 15:30", "2026-04-03T15:30:00+02:00"),
            ("fri 16:00", "2026-03-27T16:00:00+01:00"),
            ("SAT", "2026-03-28T00:00:00+01:00"),
            ("thurs 8am", "2026-04-02T08:00:00+02:00"),
            ("wednesday", "2026-04-01T00:00:00+02:00"),
            ("16:00", "2026-03-27T16:00:00+01:00"),
            ("14:00", "2026-03-28T14:00:00+01:00"),
            ("9pm", "2026-03-27T21:00:00+01:00"),
        ],
    );
}

#[test]
fn a_sign_counts_from_now() {
    check(
        FRIDAY,
        &[
            ("now", "2026-03-27T15:30:00+01:00"),
            ("+2h", "2026-03-27T17:30:00+01:00"),
            ("+90m", "2026-03-27T17:00:00+01:00"),
            ("+90min", "2026-03-27T17:00:00+01:00"),
            ("+1h30m", "2026-03-27T17:00:00+01:00"),
            ("+1d", "2026-03-28T15:30:00+01:00"),
            ("3d", "2026-03-30T15:30:00+02:00"),
            ("in 3 days", "2026-03-30T15:30:00+02:00"),
            ("-1w", "2026-03-20T15:30:00+01:00"),
            ("+1mo", "2026-04-27T15:30:00+02:00"),
            ("+1y", "2027-03-27T15:30:00+01:00"),
            ("+3d 9:00", "2026-03-30T09:00:00+02:00"),
            ("+1w 9", "2026-04-03T09:00:00+02:00"),
        ],
    );
    check("2026-01-31T10:00:00[UTC]", &[("+1mo", "2026-02-28T10:00:00+00:00")]);
}

#[test]
fn iso_8601_with_an_offset_or_in_the_local_zone() {
    check(
        FRIDAY,
        &[
            ("2026-12-24", "2026-12-24T00:00:00+01:00"),
            ("20261224", "2026-12-24T00:00:00+01:00"),
            ("2026-12-24 14:00", "2026-12-24T14:00:00+01:00"),
            ("2026-12-24 9:00", "2026-12-24T09:00:00+01:00"),
            ("2026-12-24T14:00:30.25", "2026-12-24T14:00:30.25+01:00"),
            ("2026-07-01T14:00", "2026-07-01T14:00:00+02:00"),
            ("2026-12-24T14:00Z", "2026-12-24T15:00:00+01:00"),
            ("2026-12-24T14:00:00+05:30", "2026-12-24T09:30:00+01:00"),
            ("2026-12-24T14:00-08:00[America/Los_Angeles]", "2026-12-24T23:00:00+01:00"),
            ("1790000000123", "2026-09-21T16:13:20.123+02:00"),
        ],
    );
}

#[test]
fn clocks_that_go_forward_skip_no_day_and_back_repeat_none() {
    // 02:00 to 03:00 on Sunday the 29th is no time of day in Stockholm.
    check(
        FRIDAY,
        &[
            ("sun 2:30", "2026-03-29T03:30:00+02:00"),
            ("2026-03-29T02:30", "2026-03-29T03:30:00+02:00"),
            ("+2d 2:30", "2026-03-29T03:30:00+02:00"),
            ("+48h", "2026-03-29T16:30:00+02:00"),
            ("+2d", "2026-03-29T15:30:00+02:00"),
        ],
    );
    // 02:00 to 03:00 on October 25th is there twice; the first is meant.
    let before = "2026-10-24T12:00:00[Europe/Stockholm]";
    check(before, &[("tomorrow 2:30", "2026-10-25T02:30:00+02:00"), ("+24h", "2026-10-25T11:00:00+01:00")]);
    // In Santiago the day of the change begins at 01:00.
    let before = "2026-09-05T12:00:00[America/Santiago]";
    check(before, &[("tomorrow", "2026-09-06T01:00:00-03:00"), ("sun", "2026-09-06T01:00:00-03:00")]);
}

#[test]
fn a_text_that_is_no_time_is_refused() {
    for text in [
        "",
        " ",
        "at",
        "none",
        "soon",
        "tomorrow foo",
        "tomorrow 24:00",
        "tomorrow 9:60",
        "tomorrow 25",
        "fri fri",
        "fr",
        "fridays",
        "9",
        "99",
        "13pm",
        "am",
        "tomorrow pm",
        "9 am pm",
        "1790000000",
        "-1790000000",
        "0am",
        "9:0:0:0",
        "tomorrow 9: 5",
        "9:",
        ":30",
        "+9:00",
        "-9:00",
        "2026-02-30",
        "2026-13-01",
        "24/12",
        "+",
        "+d",
        "+3",
        "+99999999999999999999d",
        "+19000y",
        "99999999999999999",
        "９:00",
        "tomorrow tomorrow",
    ] {
        assert_eq!(at(FRIDAY, text), None, "{text:?}");
    }
}

#[test]
fn due_times_at_midnight_are_shown_as_days() {
    let now: Zoned = FRIDAY.parse().unwrap();
    for (typed, shown, is_past) in [
        ("today", "today", false),
        ("today 15:29", "today 15:29", true),
        ("today 15:31", "today 15:31", false),
        ("tomorrow", "tomorrow", false),
        ("tomorrow 9:00", "tomorrow 09:00", false),
        ("yesterday", "yesterday", true),
        ("yesterday 23:59", "yesterday 23:59", true),
        ("2026-03-25", "2026-03-25", true),
        ("2027-03-28 8:05", "2027-03-28 08:05", false),
    ] {
        let due = Due::seen_at(parse_at(typed, &now).unwrap().get(), &now);
        assert_eq!((due.text.as_str(), due.is_past), (shown, is_past), "{typed}");
    }
    assert!(!Due::seen_at(Millis::MAX, &now).is_past);
}
