//! Filters as people write them: `state:failed queue:mail tag:"two words"`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::Filter;
use crate::error::{Error, ErrorKind};
use crate::job::{State, TAG_BYTES_MAX, check_kind, check_queue};

/// The longest filter that is read, in bytes; every term at its longest is shorter.
pub const FILTER_TEXT_MAX: usize = 1_024;

/// Reads terms, separated by spaces: `state:`, `queue:`, `kind:` and `tag:`, each at most once. A
/// value with spaces or quotes is quoted, with `\` before `"` and `\`.
///
/// ```
/// use mainspring_core::job::State;
/// use mainspring_core::store::Filter;
///
/// let filter: Filter = "state:failed tag:\"two words\"".parse()?;
/// assert_eq!(filter.state, Some(State::Failed));
/// assert_eq!(filter.tag.as_deref(), Some("two words"));
/// assert_eq!(filter.to_string(), "state:failed tag:\"two words\"");
/// # Ok::<(), mainspring_core::error::Error>(())
/// ```
impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() > FILTER_TEXT_MAX {
            let message = format!("the filter is longer than {FILTER_TEXT_MAX} bytes");
            return Err(fault(message, USAGE));
        }
        let (mut filter, mut rest) = (Self::default(), text.trim_start());
        while !rest.is_empty() {
            let Some((name, after)) = rest.split_once(':') else {
                return Err(fault(format!("{rest:?} is no term of a filter"), USAGE));
            };
            let (value, after) = value(after)?;
            filter.set(name, value)?;
            rest = after.trim_start();
        }
        Ok(filter)
    }
}

impl Filter {
    fn set(&mut self, name: &str, value: String) -> Result<(), Error> {
        let place = match name {
            "state" => {
                let state = State::ALL.into_iter().find(|state| state.as_str() == value);
                let state = state.ok_or_else(|| {
                    let known = State::ALL.map(State::as_str).join(", ");
                    fault(
                        format!("{value:?} is no state"),
                        &format!("there are {known}"),
                    )
                })?;
                return match self.state.replace(state) {
                    None => Ok(()),
                    Some(_) => Err(twice(name)),
                };
            }
            "queue" => {
                check_queue(&value)?;
                &mut self.queue
            }
            "kind" => {
                check_kind(&value)?;
                &mut self.kind
            }
            "tag" => {
                if !(1..=TAG_BYTES_MAX).contains(&value.len()) {
                    let hint = format!("a tag has 1 to {TAG_BYTES_MAX} bytes");
                    return Err(fault("no job has such a tag".to_owned(), &hint));
                }
                &mut self.tag
            }
            _ => return Err(fault(format!("a filter has no {name:?}"), USAGE)),
        };
        match place.replace(Arc::from(value)) {
            None => Ok(()),
            Some(_) => Err(twice(name)),
        }
    }
}

/// A value at the start of a text, and what comes after it.
fn value(text: &str) -> Result<(String, &str), Error> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return Ok((value.to_owned(), rest));
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, char) in quoted.char_indices() {
        match char {
            _ if escaped => {
                value.push(char);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => {
                let rest = quoted.get(at + 1..).unwrap_or_default();
                if rest.is_empty() || rest.starts_with(char::is_whitespace) {
                    return Ok((value, rest));
                }
                return Err(fault(format!("a space is missing before {rest:?}"), USAGE));
            }
            _ => value.push(char),
        }
    }
    Err(fault(
        "a quote is not closed".to_owned(),
        "write \" at the end of the value",
    ))
}

const USAGE: &str = "write terms such as state:failed queue:mail kind:welcome-mail tag:vip";

fn fault(message: String, hint: &str) -> Error {
    Error::new(ErrorKind::Input, message).with_hint(hint)
}

fn twice(name: &str) -> Error {
    fault(
        format!("`{name}` is written twice"),
        "a job is listed if all terms fit it",
    )
}

/// The text that reads as this filter; a value that no job can have may not.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.map(|state| Arc::from(state.as_str()));
        let terms = [
            ("state", &state),
            ("queue", &self.queue),
            ("kind", &self.kind),
            ("tag", &self.tag),
        ];
        let mut space = "";
        for (name, value) in terms {
            let Some(value) = value else { continue };
            write!(f, "{space}{name}:")?;
            if value.contains(char::is_whitespace) || value.starts_with('"') {
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
                write!(f, "\"{escaped}\"")?;
            } else {
                f.write_str(value)?;
            }
            space = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = text.parse::<Filter>().unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some());
    }

    #[test]
    fn terms_are_read_in_any_order() {
        let text = "  kind:welcome-mail\tstate:ready queue:mail tag:a:b  ";
        let filter: Filter = text.parse().unwrap();
        let shown = "state:ready queue:mail kind:welcome-mail tag:a:b";
        assert_eq!(filter.to_string(), shown);
        assert_eq!(shown.parse::<Filter>().unwrap(), filter);
        assert_eq!("".parse::<Filter>().unwrap(), Filter::default());
    }

    #[test]
    fn any_tag_can_be_written() {
        for tag in ["two words", "\"", "\\", "a\"b", "\\\" x", "ü\u{2003}ü", ":"] {
            let filter = Filter {
                tag: Some(Arc::from(tag)),
                ..Filter::default()
            };
            assert_eq!(
                filter.to_string().parse::<Filter>().unwrap(),
                filter,
                "{tag}"
            );
        }
    }

    #[test]
    fn wrong_terms_are_refused() {
        refused("failed", "\"failed\" is no term of a filter");
        refused("state:gone", "\"gone\" is no state");
        refused("id:7", "a filter has no \"id\"");
        refused("tag:a tag:b", "`tag` is written twice");
        refused("state:ready state:ready", "`state` is written twice");
        refused("tag:", "no job has such a tag");
        refused("tag:\"a", "a quote is not closed");
        refused("tag:\"a\"b", "a space is missing before \"b\"");
        refused("queue:a'b", "\"a'b\" cannot name a queue");
        refused(&"x".repeat(1_025), "the filter is longer than 1024 bytes");
    }
}
