//! What the fuzz targets call, and the replay of their corpora: any bytes, and what must hold.
//!
//! Each function panics when a promise is broken.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::action::decode::decode;
use crate::trigger::signature::parse_header;

/// A signature header.
///
/// It is refused, or its digests are few and read the same when written anew.
pub fn signature(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Some(digests) = parse_header(&text) else {
        return;
    };
    let written: Vec<_> = digests
        .iter()
        .map(|digest| format!("v1,{}", STANDARD.encode(digest)))
        .collect();
    let again = parse_header(&written.join(" "));
    assert_eq!(again, Some(digests), "written anew it reads the same");
}

/// The body of an action, read as several kinds of input.
///
/// It is refused with a 400, or reads the same when it is written anew.
pub fn action_body(input: &[u8]) {
    read_again::<()>(input);
    // What it reads is not compared: a number may be off by its last bit.
    let _ = decode::<serde_json::Value>(input);
    read_again::<Account>(input);
    read_again::<Shape>(input);
    read_again::<Vec<u8>>(input);
    read_again::<BTreeMap<String, Option<i64>>>(input);
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    email: String,
    user_id: String,
    #[serde(default)]
    tags: Vec<String>,
    address: Option<Box<Address>>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Address {
    lines: [String; 2],
    zip: u32,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Shape {
    Circle { radius: i32 },
    Line { from: (i8, i8), to: (i8, i8) },
    Nothing,
}

fn read_again<T>(input: &[u8])
where
    T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug + 'static,
{
    match decode::<T>(input) {
        Ok(read) => {
            let written = serde_json::to_vec(&read).expect("what was read can be written");
            let again = decode::<T>(&written).ok();
            assert_eq!(again, Some(read), "written anew it reads the same");
        }
        Err(error) => assert_eq!(error.status(), StatusCode::BAD_REQUEST, "{error:?}"),
    }
}
