//! The layer that turns events into lines.

use std::cell::RefCell;
use std::fmt;
use std::io::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::fmt::MakeWriter as _;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::format::Format;
use super::record::{self, Record};

/// Bytes a thread keeps for its next line; a longer line's memory is given back.
const KEPT_BYTES_MAX: usize = 8 * 1024;

thread_local! {
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Where a line's time comes from.
#[derive(Clone)]
pub(super) struct Now(pub(super) Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Now {
    pub(super) fn read(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Now")
    }
}

/// Writes each event as one line.
#[derive(Debug)]
pub(super) struct LineLayer {
    pub(super) format: Format,
    pub(super) now: Now,
    pub(super) out: NonBlocking,
}

impl<S> Layer<S> for LineLayer
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
        let record = Record::collect(event, &ctx);
        // Taken, not borrowed: nothing that runs below may find it in use.
        let mut line = LINE.try_with(RefCell::take).unwrap_or_default();
        line.clear();
        self.format.line(&mut line, self.now.read(), &record);
        // A full queue is counted by the queue itself; there is no other error.
        let _counted = self.out.make_writer().write_all(line.as_bytes());
        if line.capacity() <= KEPT_BYTES_MAX {
            // Fails only while the thread is ending.
            let _ending = LINE.try_with(|kept| kept.replace(line));
        }
    }
}
