//! One event with everything known about it: its own fields merged with those of its spans.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Bytes kept of one value. Enough for an error with its sources and a stack; more would let one
/// line fill the queue's memory.
pub(super) const VALUE_BYTES_MAX: usize = 16 * 1024;

/// Sources of an error that are shown. A chain may be a cycle.
const ERROR_SOURCES_MAX: usize = 16;

/// Keys that a field can never take.
const RESERVED: [&str; 5] = ["timestamp", "level", "message", "target", "truncated"];

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Text; also anything shown by `Debug` or `Display`, and integers beyond 64 bits.
    Text(Arc<str>),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A floating-point number.
    F64(f64),
    /// A truth value.
    Bool(bool),
}

impl Value {
    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::I64(number) => number.fmt(f),
            Value::U64(number) => number.fmt(f),
            Value::F64(number) => number.fmt(f),
            Value::Bool(truth) => truth.fmt(f),
        }
    }
}

/// Names and values in order, each name once.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(Cow<'static, str>, Value)>);

impl Fields {
    /// Sets a field; one of the same name is replaced where it stands.
    pub(super) fn set(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        let name = name.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

/// The fields a span was given, kept beside it by the registry.
#[derive(Debug)]
struct SpanFields(Vec<(&'static str, Value)>);

/// One event, ready to be written or captured.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) level: Level,
    pub(super) target: Cow<'static, str>,
    /// The event's name, if it was given one.
    pub(super) event: Option<&'static str>,
    pub(super) message: String,
    /// Of the spans from root to leaf, then of the event; the inner one wins.
    pub(super) fields: Fields,
}

impl Record {
    /// Collects an event and the fields of the spans around it.
    pub(super) fn collect<S>(event: &Event<'_>, ctx: &Context<'_, S>) -> Record
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let metadata = event.metadata();
        let mut visitor = Visitor::default();
        event.record(&mut visitor);
        // A `log` record arrives with a fixed target and its own origin as fields.
        let foreign = metadata.target() == "log";
        // An event without a name is called by its place in the source.
        let named = !foreign && !metadata.name().starts_with("event ");
        let mut record = Record {
            level: *metadata.level(),
            target: Cow::Borrowed(metadata.target()),
            event: named.then(|| metadata.name()),
            message: String::new(),
            fields: Fields::default(),
        };
        if let Some(scope) = ctx.event_scope(event) {
            for span in scope.from_root() {
                if let Some(SpanFields(fields)) = span.extensions().get::<SpanFields>() {
                    for (name, value) in fields {
                        record.set_field(name, value.clone());
                    }
                }
            }
        }
        for (name, value) in visitor.fields {
            match name {
                "message" => record.message = value.to_string(),
                "log.target" if foreign => record.target = Cow::Owned(value.to_string()),
                _ if foreign && name.starts_with("log.") => {}
                _ => record.set_field(name, value),
            }
        }
        record
    }

    fn set_field(&mut self, name: &'static str, value: Value) {
        let taken = RESERVED.contains(&name) || (name == "event" && self.event.is_some());
        if taken {
            self.fields.set(format!("field.{name}"), value);
        } else {
            self.fields.set(name, value);
        }
    }
}

/// Keeps the fields a new span was given. Called by each layer; the first one does the work.
pub(super) fn keep_new<S>(attributes: &Attributes<'_>, id: &Id, ctx: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = ctx.span(id) else { return };
    if span.extensions().get::<SpanFields>().is_some() {
        return;
    }
    // The values are rendered before the lock is taken: a `Debug` may itself write a log line.
    let mut visitor = Visitor::default();
    attributes.record(&mut visitor);
    span.extensions_mut().replace(SpanFields(visitor.fields));
}

/// Keeps the fields a span is given later.
pub(super) fn keep_later<S>(id: &Id, values: &tracing::span::Record<'_>, ctx: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = ctx.span(id) else { return };
    let mut visitor = Visitor::default();
    values.record(&mut visitor);
    let mut extensions = span.extensions_mut();
    let Some(SpanFields(fields)) = extensions.get_mut::<SpanFields>() else {
        return;
    };
    for (name, value) in visitor.fields {
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => fields.push((name, value)),
        }
    }
}

#[derive(Default)]
struct Visitor {
    fields: Vec<(&'static str, Value)>,
}

impl Visitor {
    fn push(&mut self, field: &Field, value: Value) {
        let name = field.name();
        self.fields
            .push((name.strip_prefix("r#").unwrap_or(name), value));
    }
}

impl Visit for Visitor {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, text(format_args!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, text(format_args!("{value}")));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, Value::U64(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, Value::F64(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, Value::Bool(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.push(field, text(format_args!("{}", Chain(value))));
    }
}

/// An error and its sources, joined by colons.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let sources = std::iter::successors(self.0.source(), |error| error.source());
        for source in sources.take(ERROR_SOURCES_MAX) {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

fn text(args: fmt::Arguments<'_>) -> Value {
    let mut bounded = Bounded::default();
    if bounded.write_fmt(args).is_err() {
        bounded.0.push('…');
    }
    Value::Text(bounded.0.into())
}

/// Takes text up to a limit and then refuses, so that a huge `Debug` stops early.
#[derive(Default)]
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = VALUE_BYTES_MAX.saturating_sub(self.0.len()).min(text.len());
        let boundary = (0..=room)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        let (kept, cut) = text.split_at(boundary);
        self.0.push_str(kept);
        if cut.is_empty() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}
