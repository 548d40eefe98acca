//! What a supervisor may rely on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;

use crate::parent::Process;

const TESTS: &[(&str, fn())] = &[
    (
        "a_panicking_start_names_the_component",
        a_panicking_start_names_the_component,
    ),
    ("a_start_over_its_limit_fails", a_start_over_its_limit_fails),
    (
        "a_start_that_hears_nothing_is_abandoned",
        a_start_that_hears_nothing_is_abandoned,
    ),
    ("a_panicking_stop_is_unclean", a_panicking_stop_is_unclean),
    (
        "a_stop_that_hangs_is_cut_by_the_budget",
        a_stop_that_hangs_is_cut_by_the_budget,
    ),
    ("a_component_stops_the_app", a_component_stops_the_app),
    ("two_apps_run_side_by_side", two_apps_run_side_by_side),
    (
        "an_embedded_app_that_is_stuck_ends_the_process",
        an_embedded_app_that_is_stuck_ends_the_process,
    ),
    ("a_host_outlives_its_app", a_host_outlives_its_app),
    ("a_signal_stops_cleanly", a_signal_stops_cleanly),
    (
        "a_failed_start_names_the_component",
        a_failed_start_names_the_component,
    ),
    (
        "configuration_errors_are_told_together",
        configuration_errors_are_told_together,
    ),
    ("a_signal_ends_a_start", a_signal_ends_a_start),
    ("a_failed_stop_is_unclean", a_failed_stop_is_unclean),
    (
        "a_second_signal_forces_the_exit",
        a_second_signal_forces_the_exit,
    ),
    (
        "blocked_threads_do_not_keep_the_process",
        blocked_threads_do_not_keep_the_process,
    ),
    (
        "a_request_with_blocked_threads_ends_in_time",
        a_request_with_blocked_threads_ends_in_time,
    ),
    (
        "a_blocked_runtime_end_is_ended",
        a_blocked_runtime_end_is_ended,
    ),
    ("a_signal_ends_what_lingers", a_signal_ends_what_lingers),
    (
        "a_stuck_stderr_does_not_keep_the_process",
        a_stuck_stderr_does_not_keep_the_process,
    ),
    (
        "a_blocking_probe_holds_up_nothing",
        a_blocking_probe_holds_up_nothing,
    ),
    (
        "a_watchdog_leaves_the_next_app_alone",
        a_watchdog_leaves_the_next_app_alone,
    ),
    (
        "signals_are_left_alone_when_asked",
        signals_are_left_alone_when_asked,
    ),
];

#[expect(
    clippy::disallowed_methods,
    reason = "the tests wait for processes side by side"
)]
/// Runs the tests whose name contains `filter`.
pub(crate) fn run_all(filter: Option<&String>) -> ExitCode {
    let chosen = |name: &str| filter.is_none_or(|filter| name.contains(filter.as_str()));
    let chosen: Vec<_> = TESTS.iter().filter(|(name, _)| chosen(name)).collect();
    let failed = std::thread::scope(|scope| {
        let started = chosen.iter().map(|(name, test)| (name, scope.spawn(test)));
        let started: Vec<_> = started.collect();
        let mut failed = 0;
        for (name, test) in started {
            let passed = test.join().is_ok();
            println!(
                "test process::{name} ... {}",
                if passed { "ok" } else { "FAILED" }
            );
            failed += u32::from(!passed);
        }
        failed
    });
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn a_signal_stops_cleanly() {
    for (signal, name) in [("-TERM", "SIGTERM"), ("-INT", "SIGINT")] {
        let child = Process::start("clean");
        child.until("ready");
        child.signal(signal);
        let first = format!("child stopped: {name}; exit code 0");
        let ended = child.ended().with(0, &[&first, "component quiet: started"]);
        let report = ended.stderr.find(&first).unwrap();
        let returned = ended.stderr.find("run has returned").unwrap();
        assert!(
            report < returned,
            "the report is written before `run` returns"
        );
    }
}

fn a_failed_start_names_the_component() {
    let ended = Process::start("start-fails").ended();
    ended.with(1, &["component \"bad\"", "the cache is cold"]);
}

fn configuration_errors_are_told_together() {
    let bad = [("MAINSPRING_ENV", "staging")];
    let ended = Process::start_with("bad-configuration", &bad).ended();
    ended.with(
        1,
        &[
            "component \"bad\"",
            "registered more than once",
            "MAINSPRING_ENV",
        ],
    );
}

fn a_signal_ends_a_start() {
    let child = Process::start("start-waits");
    child.until("starting");
    child.signal("-TERM");
    child
        .ended()
        .with(1, &["child stopped: SIGTERM; exit code 1", "waits"]);
}

fn a_failed_stop_is_unclean() {
    let child = Process::start("stop-fails");
    child.until("ready");
    child.signal("-TERM");
    child.ended().with(3, &["exit code 3", "the cache is hot"]);
}

fn a_second_signal_forces_the_exit() {
    let child = Process::start("stop-hangs");
    child.until("ready");
    child.signal("-TERM");
    child.until("stopping");
    child.signal("-TERM");
    child
        .ended()
        .with(4, &["exit code 4", "hook hangs: ", "second signal"]);
}

fn blocked_threads_do_not_keep_the_process() {
    for case in ["blocked", "blocked-alone"] {
        let child = Process::start(case);
        child.until("ready");
        child.signal("-TERM");
        child.ended().with(
            4,
            &[
                "child stopped: SIGTERM; exit code 4",
                "component quiet: started",
            ],
        );
        let child = Process::start(case);
        child.until("ready");
        // Two of one kind may reach a process as one.
        child.signal("-INT");
        child.signal("-TERM");
        child
            .ended()
            .with(4, &["child stopped: SIGINT; exit code 4", "second signal"]);
    }
}

fn a_request_with_blocked_threads_ends_in_time() {
    let child = Process::start("blocked-then-asked");
    child.until("ready");
    child
        .ended()
        .with(4, &["child stopped: asked from a thread; exit code 4"]);
}

fn a_blocked_runtime_end_is_ended() {
    let child = Process::start("holds-runtime");
    child.until("ready");
    child.signal("-TERM");
    child.until("ended");
    let last = "the process did not end after its report: a thread is blocked";
    child.ended().with(4, &["exit code 0", last]);
}

fn a_signal_ends_what_lingers() {
    // It has its whole budget left, and has not had a signal before.
    let child = Process::start("lingers");
    child.until("ended");
    child.signal("-TERM");
    let report = "child stopped: nothing to do; exit code 0";
    child
        .ended()
        .with(4, &[report, "a signal came after the report"]);
}

fn a_stuck_stderr_does_not_keep_the_process() {
    let child = Process::start("holds-stderr");
    child.until("ready");
    child.signal("-TERM");
    child.until("stopping");
    assert_eq!(child.ended().status.code(), Some(4));
}

fn a_blocking_probe_holds_up_nothing() {
    let anywhere = [("MAINSPRING_HEALTH_ADDR", "127.0.0.1:0")];
    let child = Process::start_with("probe-blocks", &anywhere);
    let said = child.until("ready");
    let address = said[0].strip_prefix("health ").unwrap();
    let mut first = TcpStream::connect(address).unwrap();
    first
        .write_all(b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    child.until("blocked");
    // The single thread of the runtime goes on answering.
    let mut second = TcpStream::connect(address).unwrap();
    second
        .write_all(b"GET /live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    child.signal("-TERM");
    child.ended().with(0, &["exit code 0"]);
}

fn a_watchdog_leaves_the_next_app_alone() {
    let child = Process::start("one-after-another");
    child.until("ready");
    child.signal("-TERM");
    child.ended().with(
        0,
        &["the first is over", "child stopped: SIGTERM; exit code 0"],
    );
}

fn signals_are_left_alone_when_asked() {
    use std::os::unix::process::ExitStatusExt;
    let child = Process::start("without-signals");
    child.until("ready");
    child.signal("-TERM");
    assert_eq!(
        child.ended().status.signal(),
        Some(15),
        "the default action"
    );
}

fn a_panicking_start_names_the_component() {
    let ended = Process::start("start-panics").ended();
    ended.with(1, &["component \"bad\"", "the cache is on fire"]);
}

fn a_start_over_its_limit_fails() {
    let ended = Process::start("start-late").ended();
    ended.with(1, &["component \"late\"", "did not start within"]);
}

fn a_start_that_hears_nothing_is_abandoned() {
    let ended = Process::start("start-deaf").ended();
    ended.with(1, &["component \"deaf\"", "abandoned"]);
}

fn a_panicking_stop_is_unclean() {
    let child = Process::start("stop-panics");
    child.until("ready");
    child.signal("-TERM");
    let texts = ["exit code 3", "component bad", "the cache is under water"];
    child.ended().with(3, &texts);
}

fn a_stop_that_hangs_is_cut_by_the_budget() {
    let child = Process::start("stop-cut");
    child.until("ready");
    child.signal("-TERM");
    let texts = ["SIGTERM; exit code 3", "hook hangs: "];
    let ended = child.ended().with(3, &texts);
    assert!(
        ended.stderr.contains("run has returned"),
        "{}",
        ended.stderr
    );
}

fn a_component_stops_the_app() {
    let ended = Process::start("asks").ended();
    ended.with(0, &["exit code 0", "all work is done"]);
}

fn two_apps_run_side_by_side() {
    let child = Process::start("two-apps");
    child.until("ready");
    child.signal("-TERM");
    let texts = [
        "child stopped: SIGTERM; exit code 0",
        "second stopped: SIGTERM; exit code 0",
    ];
    child.ended().with(0, &texts);
}

fn an_embedded_app_that_is_stuck_ends_the_process() {
    let child = Process::start("embedded-blocked");
    child.until("ready");
    let text = "child stopped: asked from a thread; exit code 4";
    child.ended().with(4, &[text]);
}

fn a_host_outlives_its_app() {
    let ended = Process::start("host-lives-on").ended();
    ended.with(
        0,
        &["the host is done with it; exit code 0", "the host lives on"],
    );
}
