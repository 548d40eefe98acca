//! Spans: every line of work carries its name and its request's ids, wherever the work runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use mainspring_core::context::{Context, SpanKind};
use mainspring_core::identity::{RequestId, TraceContext};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context as Registered, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::rig::{Log, Rig, secs};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Fields as text, with `span` for the span's name and `follows` for the work it follows from.
type Fields = BTreeMap<String, String>;

struct Collect<'a>(&'a mut Fields);

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}").trim_matches('"').to_owned();
        self.0.insert(field.name().to_owned(), text);
    }
}

/// Notes each event with the fields of every span around it, the innermost first.
struct Notes(Log<(Fields, Vec<Fields>)>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Notes {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Registered<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Collect(&mut fields));
        let span = ctx.span(id).unwrap();
        fields.insert("span".to_owned(), span.name().to_owned());
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Registered<'_, S>) {
        let span = ctx.span(id).unwrap();
        let mut extensions = span.extensions_mut();
        values.record(&mut Collect(extensions.get_mut().unwrap()));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, ctx: Registered<'_, S>) {
        let work = fields_of(&ctx, follows).remove("work").unwrap_or_default();
        let span = ctx.span(id).unwrap();
        let mut extensions = span.extensions_mut();
        let fields: &mut Fields = extensions.get_mut().unwrap();
        fields.insert("follows".to_owned(), work);
    }

    fn on_event(&self, event: &Event<'_>, ctx: Registered<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Collect(&mut fields));
        let scope = ctx.event_scope(event).into_iter().flatten();
        let spans = scope.map(|span| fields_of(&ctx, &span.id())).collect();
        self.0.push((fields, spans));
    }
}

fn fields_of<S: Subscriber + for<'a> LookupSpan<'a>>(ctx: &Registered<'_, S>, id: &Id) -> Fields {
    let span = ctx.span(id).unwrap();
    let fields = span.extensions().get::<Fields>().cloned();
    fields.unwrap_or_default()
}

/// Runs `test` on one thread under a subscriber and returns what was logged.
fn logged<F: Future<Output = ()>>(test: impl FnOnce(Rig) -> F) -> Vec<(Fields, Vec<Fields>)> {
    let log = Log::new();
    let subscriber = tracing_subscriber::registry().with(Notes(log.clone()));
    let _default = tracing::subscriber::set_default(subscriber);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async { test(Rig::new()).await });
    drop(runtime);
    log.all()
}

fn action(rig: &Rig) -> Context {
    let trace = TraceContext::parse(&format!("00-{TRACE}-00f067aa0ba902b7-01")).unwrap();
    let ctx = rig.ctx.with_value(RequestId::new("r-1")).with_value(trace);
    ctx.for_work(SpanKind::Action, &"account.register".into(), &rig.scope)
}

#[track_caller]
fn assert_span(fields: &Fields, span: &str, work: &str, follows: Option<&str>) {
    let of = |name: &str| fields.get(name).map(String::as_str);
    assert_eq!(
        (of("span"), of("work")),
        (Some(span), Some(work)),
        "{fields:?}"
    );
    assert_eq!(
        (of("request_id"), of("trace_id")),
        (Some("r-1"), Some(TRACE)),
        "{fields:?}"
    );
    assert_eq!(of("follows"), follows, "{fields:?}");
}

#[test]
fn every_kind_of_work_has_a_root_span_with_its_ids_that_follows_the_request() {
    let kinds = [
        (SpanKind::ComponentStart, "component.start"),
        (SpanKind::ComponentStop, "component.stop"),
        (SpanKind::Action, "action"),
        (SpanKind::FollowUp, "follow_up"),
        (SpanKind::Periodic, "periodic"),
        (SpanKind::Probe, "probe"),
        (SpanKind::Task, "task"),
        (SpanKind::Detached, "detached"),
    ];
    let log = logged(|rig| async move {
        let request = action(&rig);
        let entered = request.span().enter();
        for (kind, name) in kinds {
            let work = request.for_work(kind, &Arc::from(name), &rig.scope);
            work.span().in_scope(|| tracing::info!("hello"));
        }
        drop(entered);
    });
    assert_eq!(log.len(), kinds.len());
    for ((_, spans), (_, name)) in log.iter().zip(kinds) {
        assert_eq!(
            spans.len(),
            1,
            "a root, although it was made inside the request's span"
        );
        assert_span(&spans[0], name, name, Some("account.register"));
    }
}

#[test]
fn a_spawned_tasks_logs_keep_the_ids() {
    let log = logged(|rig| async move {
        let request = action(&rig);
        request.spawn("analytics", |ctx| {
            tracing::info!("before the future");
            async move {
                tracing::info!("first");
                ctx.sleep(secs(60)).await.unwrap();
                tracing::info!("later");
                ctx.spawn("inner", |_| async { tracing::info!("inner") });
            }
        });
        drop(request);
        rig.manual.advance(secs(60)).await;
    });
    assert_eq!(log.len(), 4);
    for (_, spans) in &log[..3] {
        assert_eq!(spans.len(), 1);
        assert_span(&spans[0], "task", "analytics", Some("account.register"));
    }
    assert_span(&log[3].1[0], "task", "inner", Some("analytics"));
}

#[test]
fn the_line_about_a_panic_carries_the_ids_too() {
    let log = logged(|rig| async move {
        let request = action(&rig);
        request.spawn("breaks", |_| async { panic!("spawned") });
        let policy = mainspring_core::spawn::OnPanic::Ignore;
        request.supervise("fragile", policy, |_| async { panic!("supervised") });
        rig.manual.settle().await;
    });
    assert_eq!(log.len(), 2);
    for ((event, spans), task) in log.iter().zip(["breaks", "fragile"]) {
        assert_eq!(event["task"], task);
        assert_eq!(event["message"], "a task panicked");
        assert_span(&spans[0], "task", task, Some("account.register"));
    }
}

#[test]
fn detached_work_keeps_the_ids_outside_the_requests_span() {
    let log = logged(|rig| async move {
        let request = action(&rig);
        let detached = request.detached();
        drop(request);
        detached
            .span()
            .in_scope(|| tracing::info!("after the request"));
    });
    assert_eq!(log[0].1.len(), 1);
    let fields = &log[0].1[0];
    assert_span(
        fields,
        "detached",
        "account.register",
        Some("account.register"),
    );
}
