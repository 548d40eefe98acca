//! How an attempt ended, as a number in its row. The numbers never change their meaning.

pub(crate) const RUNNING: i64 = 0;

const WORDS: [(&str, i64); 9] = [
    ("running", RUNNING),
    ("succeeded", 1),
    ("retried", 2),
    ("snoozed", 3),
    ("cancelled", 4),
    ("failed", 5),
    ("released", 6),
    ("rescued", 7),
    ("quarantined", 8),
];

/// Added to the number of an attempt that was given back: its job counts one less than it did.
const GIVEN_BACK: i64 = 16;

/// The number of a word.
pub(crate) fn number(word: &str, given_back: bool) -> i64 {
    let found = WORDS.iter().find(|(other, _)| *other == word);
    found.map_or(RUNNING, |(_, number)| *number) + if given_back { GIVEN_BACK } else { 0 }
}

/// The word that a job's history shows.
pub(crate) fn word(outcome: i64) -> &'static str {
    let found = WORDS
        .iter()
        .find(|(_, number)| *number == outcome % GIVEN_BACK);
    found.map_or("running", |(word, _)| word)
}
