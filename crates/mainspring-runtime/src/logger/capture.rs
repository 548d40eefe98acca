//! Log lines kept in memory, for tests.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tracing::span::{Attributes, Id};
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use super::error::LoggerError;
use super::escape;
use super::levels::{LevelLayer, Levels};
use super::record::{self, Record, Value};

/// Lines kept. Far more than a test reads, little enough for a test that runs for a virtual year.
pub const LINES_MAX: usize = 10_000;

/// What is captured unless asked otherwise: everything from debug, less the noise of the network.
const DIRECTIVES: &str = "debug,hyper=info,hyper_util=info,tokio=info,mio=info";

/// Collects log lines in memory.
///
/// Give [`dispatch`](Captured::dispatch) to a thread with `tracing::dispatcher::set_default`, or
/// add [`layer`](Captured::layer) to a subscriber. Clones share their lines.
///
/// ```
/// use mainspring_runtime::logger::capture::Captured;
///
/// let logs = Captured::new();
/// tracing::dispatcher::with_default(&logs.dispatch(), || {
///     let _request = tracing::info_span!("action", request_id = "r-1").entered();
///     tracing::warn!(user = 7, "slow");
/// });
/// assert!(logs.contains("slow"));
/// assert_eq!(logs.lines()[0].text("request_id"), Some("r-1"));
/// ```
#[derive(Clone, Debug)]
pub struct Captured {
    kept: Arc<Mutex<Kept>>,
    levels: Arc<Levels>,
}

#[derive(Debug)]
struct Kept {
    lines: VecDeque<Line>,
    limit: usize,
    dropped: u64,
}

/// One captured log line.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Line {
    /// Its level.
    pub level: Level,
    /// Where it came from.
    pub target: String,
    /// The name of the event, if it has one: see `docs/telemetry.md`.
    pub event: Option<&'static str>,
    /// Its message.
    pub message: String,
    /// Its fields and those of the spans around it; the inner one wins.
    pub fields: BTreeMap<String, Value>,
}

impl Line {
    /// The text of a field, if there is one and it is text.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }

    /// Whether the message or the value of a field contains `text`.
    pub fn contains(&self, text: &str) -> bool {
        self.message.contains(text) || self.fields.values().any(|v| v.to_string().contains(text))
    }
}

/// Shows the line as a terminal would, without its time.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        escape::plain(&mut out, &self.target);
        out.push_str(": ");
        escape::plain(&mut out, &self.message);
        for (name, value) in &self.fields {
            out.push(' ');
            escape::word(&mut out, name);
            out.push('=');
            escape::word(&mut out, &value.to_string());
        }
        write!(f, "{:>5} {out}", self.level.as_str())
    }
}

impl Captured {
    /// Keeps the last [`LINES_MAX`] lines, from debug upward.
    pub fn new() -> Self {
        Captured::with_levels(DIRECTIVES).expect("the directives above can be read")
    }

    /// Captures what `directives` let through, in the form of `MAINSPRING_LOG`.
    ///
    /// # Errors
    ///
    /// [`LoggerError::InvalidDirective`].
    pub fn with_levels(directives: &str) -> Result<Self, LoggerError> {
        let kept = Kept {
            lines: VecDeque::new(),
            limit: LINES_MAX,
            dropped: 0,
        };
        Ok(Captured {
            kept: Arc::new(Mutex::new(kept)),
            levels: Levels::new(directives)?,
        })
    }

    /// Keeps the last `lines` instead.
    pub fn with_limit(self, lines: usize) -> Self {
        self.kept().limit = lines;
        self
    }

    /// A subscriber that only captures.
    pub fn dispatch(&self) -> Dispatch {
        not_alone();
        Dispatch::new(
            tracing_subscriber::registry()
                .with(self.layer())
                .with(LevelLayer(self.levels.clone())),
        )
    }

    /// A layer that captures what its subscriber lets through, for a subscriber with other layers.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        CaptureLayer(self.clone())
    }

    /// The lines kept, oldest first.
    pub fn lines(&self) -> Vec<Line> {
        self.kept().lines.iter().cloned().collect()
    }

    /// Whether any line's message or field contains `text`.
    pub fn contains(&self, text: &str) -> bool {
        self.kept().lines.iter().any(|line| line.contains(text))
    }

    /// How many lines were given up for newer ones.
    pub fn dropped(&self) -> u64 {
        self.kept().dropped
    }

    /// Forgets all lines.
    pub fn clear(&self) {
        self.kept().lines.clear();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, record: Record) {
        let fields = record
            .fields
            .iter()
            .map(|(name, value)| (name.to_owned(), value.clone()));
        let line = Line {
            level: record.level,
            target: record.target.clone().into_owned(),
            event: record.event,
            fields: fields.collect(),
            message: record.message,
        };
        let mut kept = self.kept();
        kept.lines.push_back(line);
        while kept.lines.len() > kept.limit {
            kept.lines.pop_front();
            kept.dropped += 1;
        }
    }
}

impl Default for Captured {
    fn default() -> Self {
        Captured::new()
    }
}

struct CaptureLayer(Captured);

impl<S> Layer<S> for CaptureLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        record::keep_new(attributes, id, &ctx);
    }

    fn on_record(&self, id: &Id, values: &tracing::span::Record<'_>, ctx: Context<'_, S>) {
        record::keep_later(id, values, &ctx);
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        self.0.push(Record::collect(event, &ctx));
    }
}

/// Keeps a second dispatcher in the process.
///
/// With one alone, `tracing` asks only the thread that first reaches an event whether anybody wants
/// it, and remembers the answer: a test on another thread, where nobody listens, would silence it.
fn not_alone() {
    static SECOND: OnceLock<Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| Dispatch::new(NoSubscriber::new()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::dispatcher::with_default;

    #[test]
    fn keeps_the_newest_lines_and_counts_the_rest() {
        let logs = Captured::new().with_limit(2);
        with_default(&logs.dispatch(), || {
            for n in 0..5 {
                tracing::info!(n, "line");
            }
        });
        let kept: Vec<_> = logs
            .lines()
            .iter()
            .map(|line| line.fields["n"].clone())
            .collect();
        assert_eq!(kept, [Value::I64(3), Value::I64(4)]);
        assert_eq!(logs.dropped(), 3);
        logs.clear();
        assert!(!logs.contains("line"));
    }

    #[test]
    fn two_captures_do_not_see_each_other() {
        let (one, other) = (Captured::new(), Captured::new());
        with_default(&one.dispatch(), || tracing::info!("first"));
        with_default(&other.dispatch(), || tracing::info!("second"));
        assert!(one.contains("first") && !one.contains("second"));
        assert!(other.contains("second") && !other.contains("first"));
    }

    #[test]
    fn a_line_shows_what_it_holds() {
        let logs = Captured::with_levels("trace").unwrap();
        with_default(&logs.dispatch(), || {
            tracing::trace!(name: "app.ready", target: "t", ok = true, text = "a b", "hello\n");
        });
        let line = logs.lines().remove(0);
        assert_eq!(line.event, Some("app.ready"));
        assert_eq!(line.to_string(), r#"TRACE t: hello\n ok=true text="a b""#);
    }
}
