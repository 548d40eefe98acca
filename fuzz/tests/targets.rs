//! The fuzz targets. Each replays its corpus and then goes on from it at random: for a second in a
//! plain test run, for as long as `BOLERO_RANDOM_TEST_TIME_MS` says under `cargo xtask fuzz`.
//!
//! A failure prints its input, shrunk, and a seed to see it again with.

use bolero::{check, produce};
use mainspring_fuzz::{Edit, corpus, edited};

/// Many edits leave little of the input that was kept.
const EDITS_MAX: usize = 8;

macro_rules! targets {
    ($($name:ident: $run:path;)*) => { $(
        #[test]
        fn $name() {
            let corpus = corpus(stringify!($name));
            corpus.iter().for_each(|input| $run(input));
            check!()
                .with_generator((
                    produce::<u16>(),
                    produce::<Vec<Edit>>().with().len(0..=EDITS_MAX),
                ))
                .for_each(|(seed, edits)| $run(&edited(&corpus, *seed, edits)));
        }
    )* };
}

targets! {
    cron: mainspring_core::fuzz::cron;
    duration: mainspring_core::fuzz::duration;
    job_filter: mainspring_core::fuzz::job_filter;
    payload: mainspring_core::fuzz::payload;
    queue_name: mainspring_core::fuzz::queue_name;
    unique_key: mainspring_core::fuzz::unique_key;
    signature: mainspring_web::fuzz::signature;
    action_body: mainspring_web::fuzz::action_body;
}
