//! SIGTERM at random points: the process ends well, and gives back what it has not begun.

use std::time::Duration;

use mainspring::job::State;
use mainspring::random::Random;
use mainspring::store::RescueRules;

use crate::Options;
use crate::file::Place;
use crate::real_time::pause;
use crate::work::{Effect, Nap};

/// How many jobs wait in each cycle: more than a process does meanwhile.
const JOBS: u64 = 200;

pub(crate) fn run(options: Options) {
    let (place, random) = (Place::new(), Random::seeded(options.seed));
    for _ in 0..options.cycles.unwrap_or(20) {
        place.enqueue((0..JOBS).map(|_| Nap(random.below(21))));
        place.enqueue((0..JOBS / 10).map(|_| Effect(random.below(21))));
        let process = place.start("term", RescueRules::MAX_DEATHS);
        process.until_ready();
        pause(Duration::from_micros(random.below(100_000)));
        process.end();
        assert_eq!(place.count(&[State::Running]), 0, "nobody runs them");
        place.check_empty();
    }
    let last = place.start("term", RescueRules::MAX_DEATHS);
    place.until_all_over();
    last.until_ready();
    last.end();
    place.check();
    attempts(&place);
}

/// A job that was given back has used up no attempt by it.
fn attempts(place: &Place) {
    let mut released = 0;
    for id in place.acked.lock().unwrap().keys() {
        let job = place.runtime.block_on(place.jobs.get(*id));
        let job = job.unwrap().unwrap();
        let history = place.runtime.block_on(place.jobs.history(*id)).unwrap();
        let charged = history
            .iter()
            .filter(|attempt| &*attempt.outcome != "released");
        assert_eq!(
            u32::try_from(charged.count()),
            Ok(job.attempts),
            "{history:?}"
        );
        released += job.claims - job.attempts;
    }
    println!("  {released} jobs given back");
    assert!(
        released > 0,
        "no SIGTERM came while jobs waited in a process"
    );
}
