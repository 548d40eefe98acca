//! What the fuzz targets call, and the replay of their corpora: any bytes, and what must hold.
//!
//! Each function panics when a promise is broken.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration_text::{DURATION_MAX, parse_duration};
use crate::error::{BoxError, Error, ErrorKind};
use crate::job::{
    Gate, Job, KEY_BYTES_MAX, KIND_BYTES_MAX, PAYLOAD_BYTES_MAX, Payload, QUEUE_BYTES_MAX, Unique,
    check_kind, check_queue, key_of,
};
use crate::periodic::{Cron, Plan};
use crate::store::Filter;
use crate::time::Timestamp;

/// How many fires of a pattern are looked at.
const FIRES: usize = 4;

/// Where a preview begins: an ordinary day, the last hours before clocks change in both halves of
/// the world, a leap day, and both ends of what can be written.
const STARTS: [&str; 6] = [
    "2026-03-28T00:00:00Z",
    "2026-03-29T00:30:00Z",
    "2026-10-25T00:30:00Z",
    "2028-02-29T23:59:59Z",
    "-009998-01-01T00:00:00Z",
    "9999-12-29T00:00:00Z",
];

/// A cron pattern, with the name of a zone on a second line if there is one.
///
/// It is refused with a hint, or its fires come in order after the instant asked about.
pub fn cron(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (pattern, zone) = text.split_once('\n').unwrap_or((&text, ""));
    let mut cron = Cron::new(pattern);
    if !zone.is_empty() {
        cron = cron.in_zone(zone);
    }
    let checked = cron.check();
    assert_eq!(
        checked.is_ok(),
        cron.faults().is_empty(),
        "both say whether the pattern is valid"
    );
    for start in STARTS {
        let after: Timestamp = start.parse().expect("a valid instant");
        let fires = cron.next_fires(after, FIRES);
        assert!(fires.len() <= FIRES, "no more than asked for");
        assert!(
            checked.is_ok() || fires.is_empty(),
            "a faulty pattern never fires"
        );
        let mut before = after;
        for fire in fires {
            assert!(fire.at > before, "{} is not after {before}", fire.at);
            before = fire.at;
        }
    }
    if let Err(error) = checked {
        explained(&error);
    }
}

/// A duration as people write it.
///
/// It is refused with a hint, or it is within its limit and reads the same when written in one
/// unit.
pub fn duration(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match parse_duration(&text) {
        Ok(read) => {
            assert!(read <= DURATION_MAX, "{read:?} is beyond the limit");
            let written = format!("{}ns", read.as_nanos());
            let again: Result<Duration, _> = parse_duration(&written);
            assert_eq!(again.ok(), Some(read), "{written} reads the same");
        }
        Err(error) => explained(&error),
    }
}

/// The name of a queue and of a kind.
///
/// It is refused with a hint, or it is short and plain.
pub fn queue_name(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"'\"`\\<>%?#&".contains(&byte);
    for (checked, bytes_max) in [
        (check_queue(&text), QUEUE_BYTES_MAX),
        (check_kind(&text), KIND_BYTES_MAX),
    ] {
        match checked {
            Ok(()) => {
                assert!((1..=bytes_max).contains(&text.len()), "it is bounded");
                assert!(
                    text.bytes().all(plain),
                    "{text:?} needs no quoting anywhere"
                );
            }
            Err(error) => explained(&error),
        }
    }
}

/// A unique key of several values, one a line.
///
/// The values can be told from the key; it is refused with a hint, or it is bounded.
pub fn unique_key(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let values: Vec<&str> = text.split('\n').collect();
    let shown: Vec<&dyn std::fmt::Display> = values.iter().map(|value| value as _).collect();
    let key = key_of(&shown);
    if values.len() > 1 {
        assert_eq!(
            values_of(&key),
            values,
            "the values can be told from {key:?}"
        );
    }
    for checked in [Unique::new(&*key).check(), Gate::new(&*key, 1).check()] {
        match checked {
            Ok(()) => assert!((1..=KEY_BYTES_MAX).contains(&key.len()), "it is bounded"),
            Err(error) => explained(&error),
        }
    }
}

/// The values of a key that was made of several.
fn values_of(key: &str) -> Vec<String> {
    let (mut values, mut value, mut escaped) = (Vec::new(), String::new(), false);
    for char in key.chars() {
        match char {
            _ if escaped => {
                value.push(char);
                escaped = false;
            }
            '\\' => escaped = true,
            '/' => values.push(std::mem::take(&mut value)),
            _ => value.push(char),
        }
    }
    values.push(value);
    values
}

/// A filter of a listing.
///
/// It is refused with a hint, or it reads the same when it is written anew.
pub fn job_filter(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match text.parse::<Filter>() {
        Ok(filter) => {
            let again = filter.to_string().parse::<Filter>();
            assert_eq!(
                again.ok().as_ref(),
                Some(&filter),
                "{filter} reads the same"
            );
        }
        Err(error) => explained(&error),
    }
}

/// A job's payload: its version on the first line, then the JSON.
///
/// It is refused with a hint, or it reads the same when it is written anew; and any change after it
/// was written is found.
pub fn payload(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (version, json) = input.split_at_checked(end).unwrap_or((&[], input));
    let version = String::from_utf8_lossy(version).trim().parse().unwrap_or(2);
    let payload = match Payload::from_json(json.to_vec(), version) {
        Ok(payload) => payload,
        Err(error) => {
            assert!(json.len() > PAYLOAD_BYTES_MAX, "only its size is refused");
            return explained(&error);
        }
    };
    match payload.decode::<Letter>() {
        Ok(letter) => {
            assert!(version <= Letter::VERSION, "nothing newer is read");
            let written = Payload::of(&letter).expect("what was read can be written");
            let again = written.decode::<Letter>();
            assert_eq!(again.ok(), Some(letter), "it reads the same");
        }
        Err(error) => explained(&error),
    }
    let mut flipped = json.to_vec();
    if let Some(byte) = flipped.last_mut() {
        *byte ^= 1;
        let flipped = Payload::stored(flipped, version, payload.checksum());
        let error = flipped.decode::<Letter>().err();
        let error = error.expect("a flipped bit is found");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Letter {
    to: String,
    copies: Option<u32>,
    #[serde(default)]
    pages: Vec<Page>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Page {
    Blank,
    Text(String),
    Picture { width: i64, height: i64 },
}

impl Job for Letter {
    const KIND: &'static str = "letter";
    const VERSION: u16 = 2;

    fn upgrade(version: u16, mut payload: serde_json::Value) -> Result<Self, BoxError> {
        assert!(version < Self::VERSION, "only older ones are upgraded");
        let fields = payload.as_object_mut().ok_or("no object")?;
        fields.insert("copies".to_owned(), serde_json::Value::Null);
        Ok(serde_json::from_value(payload)?)
    }
}

fn explained(error: &Error) {
    assert!(!error.to_string().is_empty(), "an error says what is wrong");
    let hint = error.hint().unwrap_or_default();
    assert!(!hint.is_empty(), "an error says what to do: {error}");
}
