//! Tables of patterns and what they mean: changes of the clocks, days, bad input.

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use mainspring_core::periodic::{Cron, DstGap, DstMark, DstOverlap};

/// The fires of `cron` in `zone` after the local time `after`, in local time, with their marks:
/// `>` moved to the end of a gap, `1` and `2` the passes of an overlap.
fn fires(cron: Cron, zone: &str, after: &str, n: usize) -> Vec<String> {
    let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
    let after: jiff::civil::DateTime = after.parse().unwrap();
    let after = after.to_zoned_datetime(zone.clone()).unwrap().timestamp();
    let cron = cron.in_time_zone(zone.clone());
    cron.check().unwrap();
    cron.next_fires(after, n)
        .into_iter()
        .map(|fire| {
            let mark = match fire.dst {
                None => "",
                Some(DstMark::MovedToGapEnd) => " >",
                Some(DstMark::FirstPass) => " 1",
                Some(DstMark::SecondPass) => " 2",
                Some(_) => " ?",
            };
            let local = fire.at.to_zoned_datetime(zone.clone());
            format!("{}{mark}", local.strftime("%Y-%m-%d %H:%M:%S %:z"))
        })
        .collect()
}

#[track_caller]
fn check(pattern: &str, zone: &str, after: &str, expected: &[&str]) {
    check_plan(Cron::new(pattern), zone, after, expected);
}

#[track_caller]
fn check_plan(cron: Cron, zone: &str, after: &str, expected: &[&str]) {
    let pattern = cron.pattern().to_owned();
    let found = fires(cron, zone, after, expected.len());
    assert_eq!(found, expected, "{pattern:?} in {zone} after {after}");
}

#[test]
fn fixed_times_in_berlin() {
    let gap = "2027-03-27T12:00";
    check(
        "30 2 * * *",
        "Europe/Berlin",
        gap,
        &["2027-03-28 03:00:00 +02:00 >", "2027-03-29 02:30:00 +02:00"],
    );
    // Four times inside the gap give one run, and so do a time inside and one at its end.
    let once = &["2027-03-28 03:00:00 +02:00 >", "2027-03-29 02:00:00 +02:00"];
    check("0,15,30,45 2 * * *", "Europe/Berlin", gap, once);
    check(
        "0 2,3 * * *",
        "Europe/Berlin",
        gap,
        &[
            "2027-03-28 03:00:00 +02:00 >",
            "2027-03-29 02:00:00 +02:00",
            "2027-03-29 03:00:00 +02:00",
        ],
    );
    let overlap = "2027-10-30T12:00";
    check(
        "30 2 * * *",
        "Europe/Berlin",
        overlap,
        &["2027-10-31 02:30:00 +02:00 1", "2027-11-01 02:30:00 +01:00"],
    );
    check(
        "0 3 * * *",
        "Europe/Berlin",
        overlap,
        &["2027-10-31 03:00:00 +01:00", "2027-11-01 03:00:00 +01:00"],
    );
}

#[test]
fn other_patterns_follow_real_time() {
    check(
        "*/30 * * * *",
        "Europe/Berlin",
        "2027-03-28T01:00",
        &[
            "2027-03-28 01:30:00 +01:00",
            "2027-03-28 03:00:00 +02:00",
            "2027-03-28 03:30:00 +02:00",
        ],
    );
    check(
        "*/30 * * * *",
        "Europe/Berlin",
        "2027-10-31T01:30",
        &[
            "2027-10-31 02:00:00 +02:00 1",
            "2027-10-31 02:30:00 +02:00 1",
            "2027-10-31 02:00:00 +01:00 2",
            "2027-10-31 02:30:00 +01:00 2",
            "2027-10-31 03:00:00 +01:00",
        ],
    );
    // The hour two does not pass on this day.
    check(
        "*/20 2 * * *",
        "Europe/Berlin",
        "2027-03-27T12:00",
        &["2027-03-29 02:00:00 +02:00"],
    );
    check(
        "17 * * * *",
        "Europe/Berlin",
        "2027-03-28T01:17",
        &["2027-03-28 03:17:00 +02:00"],
    );
}

#[test]
fn policies_override_the_defaults() {
    let gap = "2027-03-27T12:00";
    check_plan(
        Cron::new("30 2 * * *").on_dst_gap(DstGap::Skip),
        "Europe/Berlin",
        gap,
        &["2027-03-29 02:30:00 +02:00"],
    );
    check_plan(
        Cron::new("*/20 2 * * *").on_dst_gap(DstGap::AtEnd),
        "Europe/Berlin",
        gap,
        &["2027-03-28 03:00:00 +02:00 >", "2027-03-29 02:00:00 +02:00"],
    );
    let overlap = "2027-10-30T12:00";
    check_plan(
        Cron::new("30 2 * * *").on_dst_overlap(DstOverlap::Both),
        "Europe/Berlin",
        overlap,
        &[
            "2027-10-31 02:30:00 +02:00 1",
            "2027-10-31 02:30:00 +01:00 2",
            "2027-11-01 02:30:00 +01:00",
        ],
    );
    check_plan(
        Cron::new("30 * * * *").on_dst_overlap(DstOverlap::First),
        "Europe/Berlin",
        "2027-10-31T02:00",
        &["2027-10-31 02:30:00 +02:00 1", "2027-10-31 03:30:00 +01:00"],
    );
}

#[test]
fn unusual_zones() {
    // London: the design's nightly report runs at 03:00 in summer time.
    check(
        "0 3 * * TUE",
        "Europe/London",
        "2026-03-28T00:00",
        &["2026-03-31 03:00:00 +01:00"],
    );
    check(
        "30 1 * * *",
        "Europe/London",
        "2026-03-28T12:00",
        &["2026-03-29 02:00:00 +01:00 >"],
    );
    check(
        "0 0 * * *",
        "Europe/London",
        "2026-03-28T12:00",
        &["2026-03-29 00:00:00 +00:00"],
    );
    // Lord Howe moves by half an hour.
    check(
        "0,15,45 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T12:00",
        &["2026-10-04 02:30:00 +11:00 >", "2026-10-04 02:45:00 +11:00"],
    );
    check(
        "15,45 1 * * *",
        "Australia/Lord_Howe",
        "2026-04-04T12:00",
        &[
            "2026-04-05 01:15:00 +11:00",
            "2026-04-05 01:45:00 +11:00 1",
            "2026-04-06 01:15:00 +10:30",
        ],
    );
}

#[test]
fn changes_at_midnight() {
    // Havana and Beirut skip the hour after midnight: the day starts at one.
    check(
        "0 0 * * *",
        "America/Havana",
        "2026-03-07T12:00",
        &["2026-03-08 01:00:00 -04:00 >"],
    );
    check(
        "0 0 * * *",
        "America/Havana",
        "2025-11-01T12:00",
        &["2025-11-02 00:00:00 -04:00 1", "2025-11-03 00:00:00 -05:00"],
    );
    check(
        "30 0 * * SUN",
        "Asia/Beirut",
        "2026-03-28T12:00",
        &["2026-03-29 01:00:00 +03:00 >"],
    );
    // Beirut repeats the hour before midnight.
    check(
        "59 59 23 * * *",
        "Asia/Beirut",
        "2026-10-24T12:00",
        &["2026-10-24 23:59:59 +03:00 1", "2026-10-25 23:59:59 +02:00"],
    );
}

#[test]
fn a_day_that_never_was() {
    // Apia skipped the thirtieth of December 2011: all its fires give one run.
    check(
        "0 6,12,18 * * *",
        "Pacific/Apia",
        "2011-12-29T12:00",
        &[
            "2011-12-29 18:00:00 -10:00",
            "2011-12-31 00:00:00 +14:00 >",
            "2011-12-31 06:00:00 +14:00",
        ],
    );
    check(
        "0 0 30 12 *",
        "Pacific/Apia",
        "2011-06-01T00:00",
        &["2011-12-31 00:00:00 +14:00 >"],
    );
    check(
        "0 */6 * * *",
        "Pacific/Apia",
        "2011-12-29T18:00",
        &["2011-12-31 00:00:00 +14:00"],
    );
}

#[test]
fn a_start_on_a_change_is_exclusive() {
    let cron = Cron::new("30 2 * * *").in_zone("Europe/Berlin");
    let change: Timestamp = "2027-03-28T01:00:00Z".parse().unwrap();
    let first = |after: Timestamp| cron.next_fires(after, 1)[0].at;
    assert_eq!(first(change - jiff::SignedDuration::from_nanos(1)), change);
    assert_eq!(first(change).to_string(), "2027-03-29T00:30:00Z");
    // A fraction before 1970 rounds the right way too.
    let every_second = Cron::new("* * * * * *");
    let next = every_second.next_fires("1969-12-31T23:59:57.5Z".parse().unwrap(), 1)[0].at;
    assert_eq!(next.to_string(), "1969-12-31T23:59:58Z");
}

#[test]
fn days_in_two_fields_mean_either() {
    check(
        "0 0 13 * FRI",
        "UTC",
        "2026-02-01T00:00",
        &[
            "2026-02-06 00:00:00 +00:00",
            "2026-02-13 00:00:00 +00:00",
            "2026-02-20 00:00:00 +00:00",
            "2026-02-27 00:00:00 +00:00",
            "2026-03-06 00:00:00 +00:00",
            "2026-03-13 00:00:00 +00:00",
        ],
    );
    check(
        "0 0 ? * FRI",
        "UTC",
        "2026-02-07T00:00",
        &["2026-02-13 00:00:00 +00:00"],
    );
    check(
        "0 0 14 * ?",
        "UTC",
        "2026-02-07T00:00",
        &["2026-02-14 00:00:00 +00:00"],
    );
}

#[test]
fn special_days() {
    for (pattern, after, expected) in [
        // The last day, in leap years and others.
        ("0 0 L * *", "2027-02-01", "2027-02-28"),
        ("0 0 L * *", "2028-02-01", "2028-02-29"),
        ("0 0 L 4 *", "2026-01-01", "2026-04-30"),
        // The last working day: 31 January 2027 is a Sunday, 31 July 2027 a Saturday.
        ("0 0 LW * *", "2027-01-01", "2027-01-29"),
        ("0 0 LW 7 *", "2027-01-01", "2027-07-30"),
        ("0 0 LW 3 *", "2027-01-01", "2027-03-31"),
        // The nearest working day: Saturday to Friday, Sunday to Monday, never out of the month.
        ("0 0 15W * *", "2027-05-01", "2027-05-14"),
        ("0 0 15W * *", "2027-08-01", "2027-08-16"),
        ("0 0 1W * *", "2027-05-01", "2027-05-03"),
        ("0 0 1W 8 *", "2027-07-31", "2027-08-02"),
        ("0 0 31W 10 *", "2027-10-01", "2027-10-29"),
        ("0 0 31W 2-3 *", "2027-02-01", "2027-03-31"),
        // Occurrences in the month.
        ("0 0 * * MON#2", "2027-01-01", "2027-01-11"),
        ("0 0 * * mon#5", "2027-01-01", "2027-03-29"),
        ("0 0 * * 0#1", "2027-01-03T01:00", "2027-02-07"),
        ("0 0 * * 7#1", "2027-01-03T01:00", "2027-02-07"),
        ("0 0 * * FRIL", "2027-02-01", "2027-02-26"),
        ("0 0 * * 5L", "2027-04-01", "2027-04-30"),
        ("0 0 * * 7L", "2027-02-01", "2027-02-28"),
        // Ranges of names, also up to Sunday.
        ("0 0 * * FRI-SUN", "2027-01-04", "2027-01-08"),
        ("0 0 * * sat-7", "2027-01-03T01:00", "2027-01-09"),
        ("0 0 * JUN-AUG *", "2027-01-03", "2027-06-01"),
        ("0 0 * * */3", "2027-01-04", "2027-01-06"),
        // Rare days.
        ("0 0 29 2 *", "2026-01-01", "2028-02-29"),
        ("0 0 29 2 *", "2096-03-01", "2104-02-29"),
        ("0 0 * 2 FRI#5", "2026-01-01", "2036-02-29"),
        ("0 0 * 2 SAT#5", "2076-03-01", "2116-02-29"),
        ("0 0 31 * *", "2027-04-01", "2027-05-31"),
        // Names of patterns.
        ("@daily", "2027-01-01", "2027-01-02"),
        (" @Yearly ", "2027-02-01", "2028-01-01"),
        ("@weekly", "2027-01-01", "2027-01-03"),
    ] {
        let after = if after.contains('T') {
            after.to_owned()
        } else {
            format!("{after}T00:00")
        };
        check(
            pattern,
            "UTC",
            &after,
            &[&format!("{expected} 00:00:00 +00:00")],
        );
    }
}

#[test]
fn fixed_is_decided_by_the_start_of_the_time_fields() {
    for (pattern, fixed) in [
        ("0 3 * * *", true),
        ("0-59/15 2 * * *", true),
        ("5,*/20 2 * * *", true),
        ("*/15 2 * * *", false),
        ("0 * * * *", false),
        ("* 0 3 * * *", false),
        ("0 0 3 * * *", true),
    ] {
        assert_eq!(Cron::new(pattern).is_fixed(), fixed, "{pattern}");
    }
}

#[test]
fn bad_patterns_are_named_with_field_and_column() {
    let mut text = String::new();
    for pattern in [
        "",
        "   ",
        "* * * *",
        "* * * * * * *",
        "0 25 * * *",
        "0 0 32 * *",
        "0 0 0 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "60 * * * *",
        "99999999999999999999 * * * *",
        "1,,2 * * * *",
        ", * * * *",
        "*/0 * * * *",
        "*/90 * * * *",
        "*/x * * * *",
        "5/15 * * * *",
        "/15 * * * *",
        "1-2-3 * * * *",
        "20-10 * * * *",
        "0 0 * * FRI-MON",
        "+5 * * * *",
        "*,5 * * * *",
        "** * * * *",
        "? * * * *",
        "L * * * *",
        "0 0 1JAN * *",
        "SUN * * * *",
        "0 0 * MON *",
        "0 0 * * MONDAY",
        "0 0 * * L",
        "0 0 * * MON#6",
        "0 0 * * MON#0",
        "0 0 * * #2",
        "0 0 W * *",
        "0 0 32W * *",
        "0 0 1-5W * *",
        "0 0 * * 5W",
        "0 0 L-3 * *",
        "0 0 * * +MON",
        "0 3,4x * * TUE",
        "@never",
        "@daily *",
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
        "0 0 30W 2 *",
        "0\u{0} * * * *",
        "é * * * *",
        "0 0 * * ŞUN",
    ] {
        let fault = Cron::new(pattern).check().expect_err(pattern);
        text.push_str(&format!("{fault:?}\n\n"));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn long_input_is_refused_without_reading_it() {
    let fault = Cron::new(&"1,".repeat(10_000_000)).check().unwrap_err();
    assert!(fault.to_string().len() < 200, "{fault}");
    let fault = Cron::new("* * * * *")
        .in_zone(&"é".repeat(1_000_000))
        .check()
        .unwrap_err();
    assert!(fault.to_string().len() < 300, "{fault}");
}

#[test]
fn every_fault_is_listed_and_a_later_zone_mends_an_earlier_one() {
    use mainspring_core::periodic::{Missed, Plan};
    let cron = Cron::new("x")
        .in_zone("Europe/Londn")
        .on_missed(Missed::All(0));
    let faults: Vec<_> = cron.faults().iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert_eq!(faults[1], "the time zone \"Europe/Londn\" is unknown");
    assert!(cron.next_fires(Timestamp::UNIX_EPOCH, 3).is_empty());
    let mended = Cron::new("* * * * *")
        .in_zone("Nowhere")
        .in_zone("Europe/London");
    assert!(mended.check().is_ok());
    assert_eq!(mended.next_fires(Timestamp::UNIX_EPOCH, 3).len(), 3);
}

#[test]
fn the_calendar_ends_quietly() {
    let cron = Cron::new("0 0 1 1 *");
    assert_eq!(
        cron.next_fires("9998-06-01T00:00:00Z".parse().unwrap(), 5)
            .len(),
        1
    );
    assert!(cron.next_fires(Timestamp::MAX, 5).is_empty());
    assert!(!cron.next_fires(Timestamp::MIN, 5).is_empty());
    let cron = Cron::new("* * * * * *").in_zone("Pacific/Apia");
    assert!(cron.fires(Timestamp::MAX).next().is_none());
    assert!(cron.fires(Timestamp::MIN).next().is_some());
}
