//! What the foundations promise, measured in one call.

use crate::options::Options;
use crate::report::{Machine, Number, Report};
use crate::{action, components, follow_up, manual_clock, periodics, year};

/// One measurement: its letter, what it is about, and how it is done.
type Measurement = (
    char,
    &'static str,
    fn(&Options) -> Result<Vec<Number>, String>,
);

const ALL: [Measurement; 6] = [
    ('a', "an action against a bare handler", action::measure),
    ('b', "follow-ups against bare spawns", follow_up::measure),
    ('c', "many periodics", periodics::measure),
    ('d', "timers of a manual clock", manual_clock::measure),
    ('d', "a year of minutes", year::measure),
    ('e', "starting and stopping components", components::measure),
];

/// Measures, prints the table and writes the JSON.
///
/// # Errors
/// What could not be measured or written.
pub fn run(options: &Options) -> Result<(), String> {
    if cfg!(debug_assertions) {
        eprintln!("warning: these numbers mean nothing without --release");
    }
    let machine = Machine::here();
    let mut numbers = Vec::new();
    for (letter, about, measure) in ALL {
        if options.wants(letter) {
            eprintln!("({letter}) {about} …");
            numbers.extend(measure(options)?);
        }
    }
    let report = Report {
        machine,
        quick: options.quick,
        numbers,
    };
    println!("{}", report.table());
    report.write(&options.json)?;
    println!("written to {}", options.json.display());
    Ok(())
}
