//! What holds for any input.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use mainspring_core::duration_text::parse_duration;
use mainspring_core::periodic::{Cron, DstGap, DstOverlap, Every};
use proptest::prelude::*;

/// Text that looks like a pattern, right or wrong.
fn pattern_like() -> impl Strategy<Value = String> {
    let item = prop_oneof![
        Just("*".to_owned()),
        Just("?".to_owned()),
        Just("L".to_owned()),
        Just("LW".to_owned()),
        (0..70_u8).prop_map(|number| number.to_string()),
        (0..32_u8).prop_map(|number| format!("{number}W")),
        (0..8_u8, 0..7_u8).prop_map(|(day, nth)| format!("{day}#{nth}")),
        (0..60_u8, 0..60_u8).prop_map(|(low, high)| format!("{low}-{high}")),
        (0..60_u8).prop_map(|step| format!("*/{step}")),
        "[A-Za-z]{3}",
        "[*/0-9,#LW-]{0,6}",
    ];
    let field = proptest::collection::vec(item, 1..4).prop_map(|items| items.join(","));
    proptest::collection::vec(field, 4..8).prop_map(|fields| fields.join(" "))
}

fn zone() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&[
        "UTC",
        "Europe/Berlin",
        "America/Havana",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Pacific/Apia",
        "Antarctica/Troll",
    ])
}

fn instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        (Timestamp::MIN.as_second()..Timestamp::MAX.as_second()),
        // Where changes of the clocks are.
        (0..4_102_444_800_i64),
    ]
    .prop_flat_map(|second| (Just(second), 0..1_000_000_000_i32))
    .prop_map(|(second, nanosecond)| {
        Timestamp::new(second, if second < 0 { -nanosecond } else { nanosecond }).unwrap()
    })
}

fn in_bundled_zone(pattern: &str, zone: &str) -> Cron {
    Cron::new(pattern).in_time_zone(TimeZoneDatabase::bundled().get(zone).unwrap())
}

/// Checks that the fires increase and begin after their start.
fn check_order(cron: &Cron, after: Timestamp) -> Result<(), TestCaseError> {
    let mut before = after;
    for fire in cron.next_fires(after, 50) {
        prop_assert!(fire.at > before, "{cron:?}: {} after {before}", fire.at);
        prop_assert_eq!(fire.at.subsec_nanosecond(), 0);
        before = fire.at;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), after in instant()) {
        let cron = Cron::new(&text).in_zone(&text);
        if let Err(fault) = Cron::new(&text).check() {
            prop_assert!(fault.hint().is_some_and(|hint| !hint.is_empty()));
        }
        check_order(&cron, after)?;
        let _ = parse_duration(&text);
    }

    #[test]
    fn fires_increase(
        text in pattern_like(),
        zone in zone(),
        after in instant(),
        (gap, overlap) in (any::<bool>(), any::<bool>()),
    ) {
        let mut cron = in_bundled_zone(&text, zone);
        if gap {
            cron = cron.on_dst_gap(DstGap::AtEnd);
        }
        if overlap {
            cron = cron.on_dst_overlap(DstOverlap::First);
        }
        check_order(&cron, after)?;
    }

    #[test]
    fn a_search_may_start_at_any_fire(text in pattern_like(), zone in zone(), after in instant()) {
        let cron = in_bundled_zone(&text, zone);
        let all = cron.next_fires(after, 20);
        for (fire, next) in all.iter().zip(all.iter().skip(1)) {
            prop_assert_eq!(cron.next_fires(fire.at, 1), vec![*next]);
        }
    }

    #[test]
    fn durations_survive_writing_and_reading(millis in 0..3_155_760_000_000_u64) {
        let (hours, rest) = (millis / 3_600_000, millis % 3_600_000);
        let text = format!("{hours}h{}s{}ms", rest / 1_000, rest % 1_000);
        prop_assert_eq!(parse_duration(&text).unwrap(), Duration::from_millis(millis));
    }

    #[test]
    fn jitter_stays_within_its_spread(name in any::<String>(), spread in 0..=60_000_u64) {
        let every = Every::minutes(1).with_jitter(Duration::from_millis(spread));
        let first = every.first_after_start(&name);
        prop_assert!(first >= Duration::from_secs(60));
        prop_assert!(first <= Duration::from_millis(60_000 + spread));
    }
}

#[test]
fn jitter_is_the_same_in_every_build_and_spreads_evenly() {
    let every = Every::minutes(1).with_jitter(Duration::from_secs(60));
    let first = |name: &str| every.first_after_start(name).as_millis();
    assert_eq!(
        ["", "purge-sessions", "report"].map(first),
        [116_206, 88_849, 97_672]
    );
    let mut buckets = [0_u32; 60];
    for number in 0..60_000 {
        let second = every
            .first_after_start(&format!("tenant-{number}"))
            .as_secs()
            - 60;
        buckets[usize::try_from(second).unwrap()] += 1;
    }
    assert!(
        buckets.iter().all(|count| (850..1_150).contains(count)),
        "{buckets:?}"
    );
}

#[test]
fn bad_periods_are_faults_and_never_panics() {
    for (every, message) in [
        (Every::seconds(0), "the period is zero"),
        (Every::minutes(u64::MAX), "above a hundred years"),
        (Every::hours(u64::MAX), "above a hundred years"),
        (Every::period(Duration::MAX), "above a hundred years"),
        (
            Every::period(Duration::from_micros(10)),
            "the period 10µs is below 1ms",
        ),
        (
            Every::seconds(5).with_jitter(Duration::from_secs(6)),
            "longer than the period",
        ),
        (
            Every::seconds(5).with_jitter(Duration::MAX),
            "longer than the period",
        ),
    ] {
        let fault = every.check().unwrap_err();
        assert!(fault.to_string().contains(message), "{fault}");
        assert!(fault.hint().is_some());
        assert!(every.next_fires(Timestamp::UNIX_EPOCH, 3).is_empty());
        let _ = every.first_after_start("name");
    }
}

#[test]
fn duration_text_is_read_or_refused_with_a_hint() {
    for (text, expected) in [
        ("30s", Duration::from_secs(30)),
        ("1h30m", Duration::from_secs(5_400)),
        ("500ms", Duration::from_millis(500)),
        ("0s", Duration::ZERO),
        ("1w2d3h4m5s6ms7us8ns", Duration::new(788_645, 6_007_008)),
        ("007m", Duration::from_secs(420)),
    ] {
        assert_eq!(parse_duration(text).unwrap(), expected, "{text}");
    }
    let mut text = String::new();
    for bad in [
        "",
        " ",
        "30",
        "s",
        "30 s",
        "1h 30m",
        "1.5s",
        "-5s",
        "+5s",
        "5S",
        "5min",
        "1m1h",
        "1s1s",
        "1h30",
        "99999999999999999999s",
        "36526d",
        "5s!",
        "٣s",
        "1ms1m",
    ] {
        text.push_str(&format!("{:?}\n\n", parse_duration(bad).expect_err(bad)));
    }
    let long = "1s".repeat(1_000_000);
    text.push_str(&format!("{:?}\n", parse_duration(&long).unwrap_err()));
    insta::assert_snapshot!(text);
}
