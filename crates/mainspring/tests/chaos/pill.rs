//! One job that kills its process, among many that do not.

use mainspring::job::State;
use mainspring::store::RescueRules;

use crate::Options;
use crate::file::Place;
use crate::process::until;
use crate::work::{Nap, Pill};

/// How many jobs there are beside the pill.
const GOOD: u64 = 999;

pub(crate) fn run(options: Options) {
    for _ in 0..options.cycles.unwrap_or(1) {
        once();
    }
}

fn once() {
    let place = Place::new();
    place.enqueue((0..GOOD / 2).map(|job| Nap(job % 8)));
    let pill = place.enqueue([Pill]);
    place.enqueue((GOOD / 2..GOOD).map(|job| Nap(job % 8)));
    place.acked.lock().unwrap().remove(&pill[0]);
    let mut deaths = 0;
    let mut process = place.start("pill", RescueRules::MAX_DEATHS);
    let unfinished = [State::Scheduled, State::Ready, State::Running];
    until("end of all jobs but the pill", || {
        if process.has_ended().is_some() {
            deaths += 1;
            process = place.start("pill", RescueRules::MAX_DEATHS);
        }
        place.count(&unfinished) == 0
    });
    process.until_ready();
    process.end();
    println!("  {deaths} deaths of the process, {GOOD} others done");
    let quarantined: Vec<_> = place.all(State::Quarantined).into_iter().collect();
    assert_eq!(quarantined, pill, "the pill alone is quarantined");
    assert!(deaths <= 3, "{deaths} deaths");
    place.check();
    place.check_empty();
}
