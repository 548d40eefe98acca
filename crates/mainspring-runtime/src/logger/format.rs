//! The two shapes of a line.

use std::fmt::Write as _;

use jiff::Timestamp;
use tracing::Level;

use super::escape;
use super::record::{Record, Value};

/// Bytes after which a line takes no further fields. The fields of the spans come first, so the
/// ids are always there.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Pretty { colour: bool },
}

impl Format {
    /// Appends one line with its line end.
    pub(super) fn line(self, out: &mut String, at: Timestamp, record: &Record) {
        match self {
            Format::Json => json(out, at, record),
            Format::Pretty { colour } => pretty(out, at, record, colour),
        }
        out.push('\n');
    }
}

fn json(out: &mut String, at: Timestamp, record: &Record) {
    push(
        out,
        format_args!("{{\"timestamp\":\"{at:.6}\",\"level\":\"{}\"", record.level),
    );
    json_text(out, "message", &record.message);
    json_text(out, "target", &record.target);
    if let Some(event) = record.event {
        json_text(out, "event", event);
    }
    for (name, value) in record.fields.iter() {
        if out.len() > LINE_BYTES_MAX {
            out.push_str(",\"truncated\":true");
            break;
        }
        match value {
            Value::Text(text) => json_text(out, name, text),
            // JSON has no word for these.
            Value::F64(number) if !number.is_finite() => json_text(out, name, &number.to_string()),
            other => {
                json_key(out, name);
                push(out, format_args!("{other}"));
            }
        }
    }
    out.push('}');
}

fn json_text(out: &mut String, name: &str, text: &str) {
    json_key(out, name);
    out.push('"');
    escape::json(out, text);
    out.push('"');
}

fn json_key(out: &mut String, name: &str) {
    out.push_str(",\"");
    escape::json(out, name);
    out.push_str("\":");
}

fn pretty(out: &mut String, at: Timestamp, record: &Record, colour: bool) {
    let level = record.level.as_str();
    if colour {
        push(
            out,
            format_args!("{at:.6} {}{level:>5}\x1b[0m ", paint(record.level)),
        );
    } else {
        push(out, format_args!("{at:.6} {level:>5} "));
    }
    escape::plain(out, &record.target);
    out.push_str(": ");
    escape::plain(out, &record.message);
    for (name, value) in record.fields.iter() {
        if out.len() > LINE_BYTES_MAX {
            out.push_str(" truncated=true");
            break;
        }
        out.push(' ');
        escape::word(out, name);
        out.push('=');
        match value {
            Value::Text(text) => escape::word(out, text),
            other => push(out, format_args!("{other}")),
        }
    }
}

fn paint(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

fn push(out: &mut String, args: std::fmt::Arguments<'_>) {
    out.write_fmt(args)
        .expect("writing into a String cannot fail");
}
