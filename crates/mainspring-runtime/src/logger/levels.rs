//! What is shown: directives, and the layer that applies them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer};

use super::error::LoggerError;

/// The level of everything no directive speaks of.
const DEFAULT: &str = "info";

/// Directives in force. They can be changed while the program runs.
#[derive(Debug)]
pub(super) struct Levels {
    filter: RwLock<Arc<EnvFilter>>,
    /// Whether a directive looks at spans. Only then must the filter hear of spans, and it takes
    /// a lock each time.
    by_span: AtomicBool,
}

impl Levels {
    pub(super) fn new(directives: &str) -> Result<Arc<Levels>, LoggerError> {
        Ok(Arc::new(Levels {
            filter: RwLock::new(Arc::new(parse(directives)?)),
            by_span: AtomicBool::new(directives.contains('[')),
        }))
    }

    pub(super) fn change(&self, directives: &str) -> Result<(), LoggerError> {
        let filter = Arc::new(parse(directives)?);
        self.by_span
            .store(directives.contains('['), Ordering::Release);
        *self.filter.write().unwrap_or_else(PoisonError::into_inner) = filter;
        tracing::callsite::rebuild_interest_cache();
        Ok(())
    }

    /// The lock is given back at once: a filter may show a value that itself writes a log line.
    fn filter(&self) -> Arc<EnvFilter> {
        self.filter
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn filter_by_span(&self) -> Option<Arc<EnvFilter>> {
        self.by_span.load(Ordering::Acquire).then(|| self.filter())
    }
}

/// Applies the directives to the whole subscriber.
#[derive(Clone, Debug)]
pub(super) struct LevelLayer(pub(super) Arc<Levels>);

impl<S: Subscriber> Layer<S> for LevelLayer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let filter = self.0.filter();
        let interest = Layer::<S>::register_callsite(&*filter, metadata);
        if carries_identity(metadata) && shows_something::<S>(&filter) {
            Interest::always()
        } else {
            interest
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, ctx: Context<'_, S>) -> bool {
        let filter = self.0.filter();
        (carries_identity(metadata) && shows_something::<S>(&filter))
            || Layer::<S>::enabled(&*filter, metadata, ctx)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let hint = Layer::<S>::max_level_hint(&*self.0.filter())?;
        // The spans with the ids are at info and must be seen whatever is shown.
        if hint == LevelFilter::OFF {
            Some(hint)
        } else {
            Some(hint.max(LevelFilter::INFO))
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if let Some(filter) = self.0.filter_by_span() {
            Layer::<S>::on_new_span(&*filter, attributes, id, ctx);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        if let Some(filter) = self.0.filter_by_span() {
            Layer::<S>::on_record(&*filter, id, values, ctx);
        }
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        if let Some(filter) = self.0.filter_by_span() {
            Layer::<S>::on_enter(&*filter, id, ctx);
        }
    }

    fn on_exit(&self, id: &Id, ctx: Context<'_, S>) {
        if let Some(filter) = self.0.filter_by_span() {
            Layer::<S>::on_exit(&*filter, id, ctx);
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        if let Some(filter) = self.0.filter_by_span() {
            Layer::<S>::on_close(&*filter, id, ctx);
        }
    }
}

/// Whether this is one of our spans: they carry the ids of every line inside them, so a filter
/// on levels must not take them away.
fn carries_identity(metadata: &Metadata<'_>) -> bool {
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    metadata.is_span()
        && *metadata.level() <= Level::INFO
        && (crate_name == "mainspring" || crate_name.starts_with("mainspring_"))
}

fn shows_something<S: Subscriber>(filter: &EnvFilter) -> bool {
    Layer::<S>::max_level_hint(filter) != Some(LevelFilter::OFF)
}

fn parse(directives: &str) -> Result<EnvFilter, LoggerError> {
    let given = directives
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let given: Vec<_> = given.collect();
    let wrong = |text: &&&str| !says_a_level(text) || EnvFilter::builder().parse(text).is_err();
    if let Some(wrong) = given.iter().find(wrong) {
        return Err(LoggerError::invalid_directive(wrong));
    }
    // Only where none is given: a level once said counts towards the most the filter may show,
    // even when a later one takes its place.
    let default = if given.iter().any(|text| is_level(text)) {
        ""
    } else {
        DEFAULT
    };
    let all = [&[default], given.as_slice()].concat().join(",");
    EnvFilter::builder()
        .parse(&all)
        .map_err(|_| LoggerError::invalid_directive(directives))
}

fn is_level(text: &str) -> bool {
    !text.is_empty() && text.parse::<LevelFilter>().is_ok()
}

/// Whether a directive is a level, `target=level` or about a span.
///
/// The parser takes a lone word that is no level for a target, and an absent level for all, so a
/// misspelt level would silence everything, or drown it, without a word.
fn says_a_level(directive: &str) -> bool {
    let after_span = directive.rsplit_once(']').map(|(_, rest)| rest);
    match (after_span, after_span.unwrap_or(directive).rsplit_once('=')) {
        (_, Some((_, level))) => is_level(level),
        (Some(rest), None) => rest.is_empty(),
        (None, None) => is_level(directive),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logger::capture::Captured;
    use tracing_subscriber::Registry;

    /// Asked directly: in a subscriber the answer depends on the others in the process.
    #[test]
    fn only_our_spans_are_kept_at_every_level_but_off() {
        let (ours, theirs, fine) =
            tracing::dispatcher::with_default(&Captured::new().dispatch(), || {
                let ours = tracing::info_span!("action").metadata();
                let theirs = tracing::info_span!(target: "mainspringish", "action").metadata();
                let fine = tracing::debug_span!("detail").metadata();
                (ours.unwrap(), theirs.unwrap(), fine.unwrap())
            });
        for (directives, kept, hint) in [
            ("error", true, LevelFilter::INFO),
            ("warn,mainspring_runtime=off", true, LevelFilter::INFO),
            ("off", false, LevelFilter::OFF),
        ] {
            let layer = LevelLayer(Levels::new(directives).unwrap());
            let asked = |of| Layer::<Registry>::register_callsite(&layer, of);
            assert_eq!(asked(ours).is_always(), kept, "{directives}");
            assert!(
                asked(theirs).is_never() && asked(fine).is_never(),
                "{directives}"
            );
            assert_eq!(
                Layer::<Registry>::max_level_hint(&layer),
                Some(hint),
                "{directives}"
            );
        }
    }
}
