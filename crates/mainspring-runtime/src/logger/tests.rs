//! The log from the outside: what is written for what was said.

use std::io;
use std::sync::mpsc;

use jiff::Timestamp;
use mainspring_core::telemetry::{event, span};
use proptest::prelude::*;
use serde_json::Value as Json;
use tracing::dispatcher::with_default;
use tracing::{Level, error, info, info_span};
use tracing_subscriber::layer::{Context, Layer};

use super::format::Format;
use super::record::{Fields, Record, VALUE_BYTES_MAX, Value};
use super::{LogGuard, Logger, LoggerError, escape};

/// Hands each write to the test, which reads until the writing thread has ended.
struct Pipe(mpsc::Sender<Vec<u8>>);

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn quiet() -> Logger {
    Logger::new()
        .with_env(|_| None)
        .with_now(|| Timestamp::UNIX_EPOCH)
}

/// The text that `logger` writes while `say` runs.
fn written(logger: Logger, say: impl FnOnce(&LogGuard)) -> String {
    let (tx, rx) = mpsc::channel();
    let (log, guard) = logger.to_writer(Pipe(tx)).build().unwrap();
    with_default(&log, || say(&guard));
    drop(guard);
    String::from_utf8(rx.iter().flatten().collect()).unwrap()
}

fn json_lines(text: &str) -> Vec<Json> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_line_in_both_forms() {
    let say = |_: &LogGuard| {
        let _span = info_span!("action", request_id = "r-1", work = "account.register").entered();
        info!(name: "component.started", target: "app", n = 7, ok = true, r#type = "a b", "hello");
    };
    let json = concat!(
        r#"{"timestamp":"1970-01-01T00:00:00.000000Z","level":"INFO","message":"hello","#,
        r#""target":"app","event":"component.started","request_id":"r-1","#,
        r#""work":"account.register","n":7,"ok":true,"type":"a b"}"#,
        "\n"
    );
    assert_eq!(written(quiet(), say), json);
    let pretty = concat!(
        "1970-01-01T00:00:00.000000Z  INFO app: hello ",
        "request_id=r-1 work=account.register n=7 ok=true type=\"a b\"\n"
    );
    assert_eq!(written(quiet().pretty(), say), pretty);
}

#[test]
fn times_have_microseconds_and_end_in_z() {
    let at: Timestamp = "2026-11-23T17:51:30.123456789Z".parse().unwrap();
    let text = written(quiet().with_now(move || at), |_| info!("x"));
    assert_eq!(
        json_lines(&text)[0]["timestamp"],
        "2026-11-23T17:51:30.123456Z"
    );
}

#[test]
fn spans_are_merged_and_the_inner_one_wins() {
    let text = written(quiet(), |_| {
        let root = info_span!("root", a = 1, b = 1, c = 1, later = tracing::field::Empty);
        let _root = root.clone().entered();
        let _leaf = info_span!("leaf", b = 2, c = 2).entered();
        root.record("later", "yes");
        root.record("a", 10);
        info!(c = 3, "in");
        info!(parent: None, "out");
    });
    let lines = json_lines(&text);
    assert_eq!(
        lines[0],
        serde_json::json!({"timestamp": "1970-01-01T00:00:00.000000Z", "level": "INFO",
            "message": "in", "target": module_path!(), "a": 10, "b": 2, "c": 3, "later": "yes"})
    );
    assert_eq!(
        lines[1].get("a"),
        None,
        "an event without a parent has no span's fields"
    );
}

#[test]
fn a_field_never_takes_the_place_of_ours() {
    let text = written(quiet(), |_| {
        let _span = info_span!(
            "s",
            timestamp = "forged",
            message = "forged",
            truncated = "forged"
        )
        .entered();
        info!(
            level = "forged",
            target = "forged",
            event = "theirs",
            "true words"
        );
        info!(name: "app.ready", event = "theirs", "named");
    });
    let lines = json_lines(&text);
    assert_eq!(lines[0]["timestamp"], "1970-01-01T00:00:00.000000Z");
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["message"], "true words");
    assert_eq!(lines[0]["target"], module_path!());
    assert_eq!(lines[0]["event"], "theirs");
    assert_eq!(lines[0].get("truncated"), None);
    for name in ["timestamp", "level", "message", "target", "truncated"] {
        assert_eq!(lines[0][format!("field.{name}")], "forged");
    }
    assert_eq!(
        (&lines[1]["event"], &lines[1]["field.event"]),
        (&"app.ready".into(), &"theirs".into())
    );
}

/// A detached unit of work outlives its request: it has a root span of its own with the same ids.
#[test]
fn detached_work_keeps_its_ids_after_its_request_is_gone() {
    let text = written(quiet(), |_| {
        let request = info_span!(
            span::ACTION,
            request_id = "r-1",
            trace_id = "t-1",
            work = "act"
        );
        let follow_up = request.in_scope(|| {
            let (request_id, trace_id, work) = ("r-1", "t-1", "mail");
            info_span!(parent: None, span::FOLLOW_UP, request_id, trace_id, work)
        });
        follow_up.follows_from(&request);
        drop(request);
        let other = info_span!(
            span::ACTION,
            request_id = "r-2",
            trace_id = "t-2",
            work = "act"
        );
        let _other = other.enter();
        follow_up.in_scope(|| info!("after"));
        info!("other");
    });
    let lines = json_lines(&text);
    for (line, ids) in lines
        .iter()
        .zip([["r-1", "t-1", "mail"], ["r-2", "t-2", "act"]])
    {
        assert_eq!([&line["request_id"], &line["trace_id"], &line["work"]], ids);
    }
}

#[test]
fn the_ids_stay_when_only_warnings_are_shown() {
    for (directives, expected) in [
        ("warn", 1),
        ("error,mainspring_runtime=warn", 1),
        ("off", 0),
    ] {
        let text = written(quiet().with_levels(directives), |_| {
            let _span = info_span!("action", request_id = "r-1").entered();
            info!("not shown");
            tracing::warn!("shown");
        });
        let lines = json_lines(&text);
        assert_eq!(lines.len(), expected, "{directives}");
        assert!(
            lines.iter().all(|line| line["request_id"] == "r-1"),
            "{directives}"
        );
    }
}

#[test]
fn what_is_not_shown_is_not_even_made() {
    let text = written(quiet(), |_| {
        tracing::debug!(value = ?unreachable_value(), "hidden");
    });
    assert_eq!(text, "");
}

fn unreachable_value() -> u8 {
    panic!("a disabled event evaluated its fields")
}

#[test]
fn directives() {
    let shown = |env: Option<&'static str>, code: &str| {
        let text = written(
            quiet()
                .with_env(move |_| env.map(str::to_owned))
                .with_levels(code),
            |_| {
                error!(target: "a", "error a");
                info!(target: "a", "info a");
                tracing::debug!(target: "a", "debug a");
                tracing::debug!(target: "b", "debug b");
            },
        );
        json_lines(&text)
            .iter()
            .map(|l| l["message"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(None, ""), ["error a", "info a"], "info by default");
    assert_eq!(
        shown(Some(" "), "error"),
        ["error a"],
        "an empty variable says nothing"
    );
    assert_eq!(
        shown(Some("info"), "error"),
        ["error a", "info a"],
        "the environment wins"
    );
    assert_eq!(shown(None, " a=error , b=debug "), ["error a", "debug b"]);
    assert_eq!(
        shown(Some("b=debug"), ""),
        ["error a", "info a", "debug b"],
        "the rest stays at info"
    );
    assert_eq!(shown(Some("off"), ""), [""; 0]);
}

#[test]
fn a_directive_that_cannot_be_read_is_an_error() {
    for wrong in [
        "inof", "my_app", "a=loud", "info,a=", "[span", "a=b=c", "\u{fffd}",
    ] {
        let error = quiet()
            .with_env(|_| Some(wrong.to_owned()))
            .build()
            .unwrap_err();
        assert!(
            matches!(error, LoggerError::InvalidDirective { .. }),
            "{wrong}"
        );
        assert!(
            format!("{error:?}").contains("hint: write a level"),
            "{wrong}"
        );
    }
    let long = "x".repeat(100_000);
    let error = quiet().with_levels(long).build().unwrap_err();
    assert!(error.to_string().len() < 300);
}

#[test]
fn directives_may_look_at_spans() {
    let text = written(quiet().with_levels("[job{kind=mail}]=debug"), |_| {
        info_span!(target: "t", "job", kind = "mail")
            .in_scope(|| tracing::debug!(target: "t", "in"));
        info_span!(target: "t", "job", kind = "other")
            .in_scope(|| tracing::debug!(target: "t", "out"));
    });
    let lines = json_lines(&text);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["message"], "in");
}

#[test]
fn levels_can_change_while_it_runs() {
    let text = written(quiet(), |guard| {
        let say = |n: u8| tracing::debug!(n, "line");
        say(1);
        guard.set_levels("debug").unwrap();
        say(2);
        assert!(guard.set_levels("nonsense").is_err());
        say(3);
        guard.set_levels("warn").unwrap();
        say(4);
    });
    let shown: Vec<_> = json_lines(&text)
        .iter()
        .map(|line| line["n"].clone())
        .collect();
    assert_eq!(shown, [2, 3]);
}

#[test]
fn a_blocked_output_does_not_block_the_program() {
    struct Blocked(mpsc::Receiver<()>, Pipe);
    impl io::Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _opened = self.0.recv();
            self.1.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (open, gate) = mpsc::channel();
    let (tx, rx) = mpsc::channel();
    let writer = Blocked(gate, Pipe(tx));
    let (log, guard) = quiet().with_queue(2).to_writer(writer).build().unwrap();
    with_default(&log, || (0..10).for_each(|n| info!(n, "line")));
    let dropped = guard.dropped_lines();
    assert!(
        (7..=8).contains(&dropped),
        "2 wait and 1 may be with the writer, {dropped} dropped"
    );
    drop(open);
    drop((log, guard));
    let lines = json_lines(&String::from_utf8(rx.iter().flatten().collect()).unwrap());
    let (told, kept): (Vec<_>, Vec<_>) = lines
        .iter()
        .partition(|line| line["event"] == event::LOGGER_LINES_DROPPED);
    assert_eq!(
        told.iter()
            .map(|line| line["dropped"].as_u64().unwrap())
            .sum::<u64>(),
        dropped
    );
    assert_eq!(kept.len() as u64 + dropped, 10);
}

/// Dropping the guard gives a stuck output about a second and then goes on.
#[test]
fn an_output_that_never_returns_cannot_hold_up_the_end() {
    struct Stuck(mpsc::Receiver<()>);
    impl io::Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _never = self.0.recv();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (_held, never) = mpsc::channel();
    let (log, guard) = quiet().to_writer(Stuck(never)).build().unwrap();
    with_default(&log, || info!("stuck"));
    drop(guard);
}

#[test]
fn lines_that_the_output_refuses_are_counted_and_told() {
    struct Refusing(u8, Pipe);
    impl io::Write for Refusing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.saturating_sub(1);
            if self.0 > 0 {
                Err(io::Error::other("disk full"))
            } else {
                self.1.write(bytes)
            }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (tx, rx) = mpsc::channel();
    let (log, guard) = quiet().to_writer(Refusing(3, Pipe(tx))).build().unwrap();
    with_default(&log, || info!("lost"));
    drop((log, guard));
    let first = json_lines(&String::from_utf8(rx.iter().flatten().collect()).unwrap()).remove(0);
    assert_eq!(
        (&first["level"], &first["dropped"]),
        (&"WARN".into(), &1.into())
    );
}

#[test]
fn dropping_the_guard_writes_what_waits() {
    let text = written(quiet(), |_| (0..5_000).for_each(|n| info!(n, "line")));
    let lines = json_lines(&text);
    assert_eq!(lines.len(), 5_000);
    assert!(
        lines.iter().enumerate().all(|(n, line)| line["n"] == n),
        "in order"
    );
}

#[test]
fn huge_values_and_lines_are_cut() {
    let huge = "é".repeat(VALUE_BYTES_MAX);
    let text = written(quiet(), |_| {
        let _span = info_span!("s", request_id = "r-1").entered();
        info!(a = %huge, b = ?huge, c = %huge, d = %huge, e = %huge, f = %huge, "{huge}");
    });
    assert!(text.len() < 7 * VALUE_BYTES_MAX);
    let line = &json_lines(&text)[0];
    assert!(line["message"].as_str().unwrap().ends_with("é…"));
    assert_eq!(
        (&line["request_id"], &line["truncated"]),
        (&"r-1".into(), &true.into())
    );
}

#[test]
fn an_error_shows_its_sources() {
    let error = io::Error::other(LoggerError::AlreadyInstalled);
    #[derive(Debug)]
    struct Outer(io::Error);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("start failed")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let outer = Outer(error);
    let text = written(quiet(), |_| {
        error!(error = &outer as &(dyn std::error::Error + 'static), "boot");
    });
    assert_eq!(
        json_lines(&text)[0]["error"],
        "start failed: this process has a logger already"
    );
}

#[test]
fn a_value_that_logs_while_it_is_shown_does_no_harm() {
    struct Chatty;
    impl std::fmt::Debug for Chatty {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            info!("inner");
            f.write_str("chatty")
        }
    }
    let text = written(quiet(), |_| {
        let span = info_span!("s", a = ?Chatty, b = tracing::field::Empty).entered();
        span.record("b", tracing::field::debug(Chatty));
        info!(c = ?Chatty, "outer");
    });
    let outer = json_lines(&text).pop().unwrap();
    assert_eq!([&outer["a"], &outer["b"], &outer["c"]], ["chatty"; 3]);
}

#[test]
fn records_of_the_log_crate_are_lines_too() {
    let text = written(quiet(), |_| {
        let record = tracing_log::log::Record::builder()
            .level(tracing_log::log::Level::Warn)
            .target("sqlx::query")
            .module_path(Some("sqlx"))
            .file(Some("query.rs"))
            .line(Some(1))
            .args(format_args!("slow\nstatement"))
            .build();
        tracing_log::format_trace(&record).unwrap();
    });
    let line = &json_lines(&text)[0];
    assert_eq!(line["target"], "sqlx::query");
    assert_eq!(line["message"], "slow\nstatement");
    assert_eq!(line.as_object().unwrap().len(), 4, "{line}");
}

#[test]
fn other_layers_run_beside_the_log() {
    struct Count(mpsc::Sender<&'static str>, &'static str);
    impl<S: tracing::Subscriber> Layer<S> for Count {
        fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
            self.0.send(self.1).unwrap();
        }
    }
    let (tx, rx) = mpsc::channel();
    let logger = quiet()
        .with_layer(Count(tx.clone(), "one"))
        .with_layer(Count(tx, "two"));
    let text = written(logger, |_| {
        info!("seen");
        tracing::debug!("not shown");
    });
    assert_eq!(json_lines(&text).len(), 1);
    let mut seen: Vec<_> = rx.iter().collect();
    seen.sort_unstable();
    assert_eq!(seen, ["one", "two"]);
}

#[test]
fn a_process_has_one_logger() {
    // Shows nothing, so that it is of no concern to the other tests of this process.
    let silent = || quiet().with_levels("off").to_writer(io::sink()).install();
    let _first = silent().unwrap();
    let second = silent().unwrap_err();
    assert_eq!(second, LoggerError::AlreadyInstalled);
    assert!(second.hint().contains("Logger::build"));
}

fn any_text() -> impl Strategy<Value = String> {
    // Plain text, and text made of the characters that do harm.
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(
            prop_oneof![
                (0_u32..0xa0).prop_map(|c| char::from_u32(c).unwrap_or('?')),
                Just('\u{2028}'),
                Just('\u{202e}'),
                Just('"'),
                Just('\\'),
            ],
            0..40
        )
        .prop_map(|chars| chars.into_iter().collect()),
    ]
}

fn record(message: &str, target: &str, name: &str, value: &str) -> Record {
    let mut fields = Fields::default();
    fields.set(format!("x{name}"), Value::Text(value.into()));
    Record {
        level: Level::INFO,
        target: target.to_owned().into(),
        event: None,
        message: message.to_owned(),
        fields,
    }
}

proptest! {
    #[test]
    fn no_text_breaks_a_line(
        message in any_text(), target in any_text(), name in any_text(), value in any_text()
    ) {
        let record = record(&message, &target, &name, &value);
        for format in [Format::Json, Format::Pretty { colour: false }] {
            let mut line = String::new();
            format.line(&mut line, Timestamp::UNIX_EPOCH, &record);
            let body = line.strip_suffix('\n').expect("a line ends");
            prop_assert!(!body.chars().any(escape::is_unsafe), "{body:?}");
            if format == Format::Json {
                let json: Json = serde_json::from_str(body).expect("valid JSON");
                prop_assert_eq!(&json["message"], &message);
                prop_assert_eq!(&json["target"], &target);
                prop_assert_eq!(&json[format!("x{name}")], &value);
            }
        }
    }

    #[test]
    fn no_text_said_through_tracing_breaks_a_line(message in any_text(), value in any_text()) {
        let say = |_: &LogGuard| {
            let _span = info_span!("s", request_id = %value).entered();
            info!(value, debug = ?value, "{message}");
        };
        for (logger, json) in [(quiet().json(), true), (quiet().pretty(), false)] {
            let text = written(logger, say);
            let body = text.strip_suffix('\n').expect("a line ends");
            prop_assert!(!body.chars().any(escape::is_unsafe), "{body:?}");
            if json {
                let json: Json = serde_json::from_str(body).expect("valid JSON");
                prop_assert_eq!(&json["message"], &message);
                prop_assert_eq!(&json["value"], &value);
                prop_assert_eq!(&json["request_id"], &value);
            }
        }
    }

    #[test]
    fn numbers_are_valid_json(
        float in proptest::num::f64::ANY, signed in any::<i64>(), unsigned in any::<u64>()
    ) {
        let text = written(quiet(), |_| info!(float, signed, unsigned, wide = u128::MAX, "n"));
        let line = &json_lines(&text)[0];
        prop_assert_eq!(&line["signed"], &Json::from(signed));
        prop_assert_eq!(&line["unsigned"], &Json::from(unsigned));
        prop_assert_eq!(line["float"].is_number(), float.is_finite());
        prop_assert_eq!(&line["wide"], &u128::MAX.to_string());
    }
}
