//! JSON in: unknown and mistyped fields are refused with their path.

use std::any::Any;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

use super::words::plain;
use crate::error::{ActionError, FieldError};
use crate::text::{TEXT_BYTES_MAX, cut};

/// How many unknown fields one answer names.
const UNKNOWN_MAX: usize = 16;

/// How deep input may nest; `serde_json` refuses more, so that hostile input cannot exhaust the
/// stack.
pub const DEPTH_MAX: usize = 128;

/// Reads an action's input.
///
/// An empty body, `null` and `{}` all mean `()` for an action without input.
///
/// # Errors
/// 400, naming the field where there is one.
#[doc(hidden)]
pub fn decode<T: DeserializeOwned + 'static>(body: &[u8]) -> Result<T, ActionError> {
    let text = std::str::from_utf8(body)
        .map_err(|_| ActionError::bad_input("the body is not UTF-8 text"))?;
    let empty = text.trim_ascii().is_empty();
    if let Some(unit) = unit()
        && (empty || text.trim_ascii() == "{}")
    {
        return Ok(unit);
    }
    if empty {
        return Err(ActionError::bad_input(
            "the body is empty; JSON is expected",
        ));
    }
    let mut unknown = Vec::new();
    let mut json = serde_json::Deserializer::from_str(text);
    let decoded = serde_ignored::deserialize(&mut json, |path| {
        if unknown.len() < UNKNOWN_MAX {
            unknown.push(FieldError::new(written(&path), "is not a known field"));
        }
    });
    match decoded.and_then(|value| json.end().map(|()| value)) {
        Ok(value) if unknown.is_empty() => Ok(value),
        Ok(_) => Err(with_fields("the input has unknown fields", unknown)),
        Err(error) => Err(refused::<T>(text, &error)),
    }
}

/// Reads the input of a trigger.
///
/// Its callers often send nothing: an empty body means `{}` or `null`. Others always send an
/// envelope of their own: an action without input takes any body, which its signature covers.
pub(crate) fn decode_or_empty<T: DeserializeOwned + 'static>(
    body: &[u8],
) -> Result<T, ActionError> {
    if let Some(unit) = unit() {
        return Ok(unit);
    }
    if body.trim_ascii().is_empty() {
        return decode(b"{}").or_else(|error| decode(b"null").map_err(|_| error));
    }
    decode(body)
}

/// `()`, if that is the input's type. A box of nothing needs no memory.
fn unit<T: 'static>() -> Option<T> {
    let unit: Box<dyn Any> = Box::new(());
    unit.downcast().ok().map(|unit| *unit)
}

/// Finds the path by reading again, so that good input never pays for it.
fn refused<T: DeserializeOwned>(text: &str, error: &serde_json::Error) -> ActionError {
    if error.classify() != Category::Data && !is_json(text) {
        return ActionError::bad_input(format!("the body is not JSON: {error}"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut json) else {
        return ActionError::bad_input("the input has the wrong shape");
    };
    let path = match error.path().iter().next() {
        Some(_) => error.path().to_string(),
        None => String::new(),
    };
    let message = error.inner().to_string();
    let of = |name: &str| match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}.{name}"),
    };
    let (field, message) = if let Some(name) = named(&message, "missing field `") {
        (of(name), "is missing".to_owned())
    } else if let Some(name) = named(&message, "duplicate field `") {
        (of(name), "is written twice".to_owned())
    } else {
        (path, plain(without_place(&message)))
    };
    with_fields(
        "the input has the wrong shape",
        vec![FieldError::new(
            cut(field, TEXT_BYTES_MAX),
            cut(message, TEXT_BYTES_MAX),
        )],
    )
}

/// The text names the first field; what is wrong with each, which may quote the client, stands
/// only in its place.
fn with_fields(what: &str, fields: Vec<FieldError>) -> ActionError {
    let first = fields.first().map_or("", |error| &error.field);
    let text = match fields.len() {
        // The input itself has no name.
        0 | 1 if first.is_empty() => what.to_owned(),
        0 | 1 => format!("{what}: `{first}`"),
        all => format!("{what}: `{first}` and {} more", all - 1),
    };
    ActionError::bad_input(text).with_fields(fields)
}

/// A path as `serde_path_to_error` writes it too: `lines[0].name`; cut at each step, because a key
/// may be as long as the body.
fn written(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path::{Map, NewtypeStruct, NewtypeVariant, Root, Seq, Some};
    match path {
        Root => String::new(),
        Seq { parent, index } => format!("{}[{index}]", written(parent)),
        Map { parent, key } => {
            let parent = written(parent);
            let dot = if parent.is_empty() { "" } else { "." };
            cut(format!("{parent}{dot}{key}"), TEXT_BYTES_MAX)
        }
        Some { parent } | NewtypeStruct { parent } | NewtypeVariant { parent } => written(parent),
    }
}

/// Some refusals of a type look like those of the format: an enum that is given a number.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The field's name in serde's text about one.
fn named<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = message.strip_prefix(prefix)?;
    rest.split_once('`').map(|(name, _)| name)
}

/// Without the line and column, which mean little beside a path.
fn without_place(message: &str) -> &str {
    message
        .rsplit_once(" at line ")
        .map_or(message, |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Order {
        id: u32,
        #[serde(default)]
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Line {
        name: String,
    }

    fn field(body: &str) -> (String, String) {
        let error = decode::<Order>(body.as_bytes()).expect_err("it is refused");
        assert_eq!(error.status(), 400);
        let field = error.fields().first().expect("a field is named").clone();
        (field.field, field.message)
    }

    fn text(body: &[u8]) -> String {
        let error = decode::<Order>(body).expect_err("it is refused");
        assert_eq!(error.status(), 400);
        error.to_string()
    }

    #[test]
    fn refusals_name_the_field() {
        let (path, message) = field(r#"{"id":"abc"}"#);
        assert_eq!(path, "id");
        assert_eq!(message, "must be a whole number, not the string \"abc\"");
        assert_eq!(field(r#"{"id":1,"lines":[{"name":1}]}"#).0, "lines[0].name");
        let missing = ("lines[0].name".to_owned(), "is missing".to_owned());
        assert_eq!(field(r#"{"id":1,"lines":[{}]}"#), missing);
        assert_eq!(field("{}"), ("id".to_owned(), "is missing".to_owned()));
        let twice = ("lines[0].name".to_owned(), "is written twice".to_owned());
        assert_eq!(
            field(r#"{"id":1,"lines":[{"name":"a","name":"b"}]}"#),
            twice
        );
        assert_eq!(field(r#"{"id":1,"id":1}"#).0, "id");
        let whole = (String::new(), "must be an object, not 5".to_owned());
        assert_eq!(field("5"), whole);
        assert_eq!(text(b"5"), "the input has the wrong shape");
        let unknown = field(r#"{"id":1,"lines":[{"name":"a","colour":2}]}"#);
        assert_eq!(unknown.0, "lines[0].colour");
        assert_eq!(unknown.1, "is not a known field");
    }

    #[test]
    fn what_is_not_json_is_named() {
        assert!(text(b"").contains("empty"));
        assert!(text(b"\xff{}").contains("UTF-8"));
        assert!(text(b"{\"id\":1").contains("not JSON"));
        assert!(text(b"{\"id\":1} x").contains("not JSON"));
        let deep = format!(r#"{{"id":{}1{}}}"#, "[".repeat(500), "]".repeat(500));
        text(deep.as_bytes());
    }

    #[test]
    fn depth_is_capped() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(decode::<serde_json::Value>(nested(DEPTH_MAX - 1).as_bytes()).is_ok());
        let error = decode::<serde_json::Value>(nested(100_000).as_bytes());
        assert_eq!(error.expect_err("too deep").status(), 400);
    }

    #[test]
    fn no_input_may_be_written_in_three_ways() {
        for body in ["", "null", "{}", " {} "] {
            assert!(decode::<()>(body.as_bytes()).is_ok(), "{body:?}");
        }
        assert!(decode::<()>(b"{\"a\":1}").is_err());
        assert!(decode_or_empty::<()>(b"{\"type\":\"cron\"}").is_ok());
        assert!(decode_or_empty::<Option<u8>>(b"").is_ok());
        assert!(decode_or_empty::<serde_json::Value>(b"").is_ok());
        assert_eq!(decode_or_empty::<Order>(b"").unwrap_err().fields().len(), 1);
    }

    #[test]
    fn a_refusal_is_bounded_and_writes_no_value_twice() {
        let long = "x".repeat(100_000);
        let bodies = [
            format!(r#"{{"id":"{long}"}}"#),
            format!(r#"{{"id":1,"{long}":1}}"#),
            format!(r#"{{"id":1,"lines":"ß{long}"}}"#),
        ];
        for body in bodies {
            let error = decode::<Order>(body.as_bytes()).expect_err("it is wrong");
            for FieldError { field, message } in error.fields() {
                assert!(field.len() <= TEXT_BYTES_MAX, "{field}");
                assert!(message.len() <= TEXT_BYTES_MAX, "{message}");
            }
            assert!(error.to_string().len() <= 2 * TEXT_BYTES_MAX, "{error}");
        }
        let error = decode::<Order>(br#"{"id":"a secret"}"#).expect_err("it is wrong");
        assert!(error.fields()[0].message.contains("a secret"));
        assert!(!error.to_string().contains("a secret"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(body in prop::collection::vec(any::<u8>(), 0..256)) {
            if let Err(error) = decode::<Order>(&body) {
                prop_assert_eq!(error.status(), 400);
            }
        }
    }
}
