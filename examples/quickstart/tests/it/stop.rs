//! How it stops: what is under way gets its answer, the report says everything, the exit code the
//! rest.

use crate::service::{Ended, Plan, Service};

/// Every component and phase of the report, in order.
const REPORT: [&str; 12] = [
    "component warm-cache: started in ",
    "component journals: started in ",
    "component users: started in ",
    "component outbox: started in ",
    "phase drain: finished in ",
    "phase http: finished in ",
    "phase follow-ups: finished in ",
    "phase workers: finished in ",
    "phase components: finished in ",
    "phase stores: finished in ",
    "phase telemetry: finished in ",
    "phase health: finished in ",
];

/// Checks that the report has one line for each of its parts, in order.
fn reported(ended: &Ended, cause: &str) {
    let head = format!("quickstart stopped: {cause}; exit code 0 (clean)");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let at = lines.iter().position(|line| line.starts_with(&head));
    let at = at.unwrap_or_else(|| panic!("{head:?} is in\n{}", ended.stderr));
    let report: Vec<&str> = lines[at + 1..]
        .iter()
        .copied()
        .filter(|l| l.starts_with("  "))
        .collect();
    assert_eq!(report.len(), REPORT.len(), "{report:?}");
    for (line, wanted) in report.iter().zip(REPORT) {
        assert!(
            line.trim_start().starts_with(wanted),
            "{wanted:?} is {line:?}"
        );
    }
}

#[test]
fn sigterm_lets_a_request_finish_and_reports_every_part() {
    let mut service = Service::start();
    let pending = service.sleeping(1500);
    service.signal("-TERM");
    service.logged("app.stopping");
    let answer = pending.answer().unwrap().is(200, "");
    assert_eq!(answer.body, r#"{"ok":true}"#);
    let stopped = service.ended();
    assert_eq!(stopped.ended.code, Some(0), "{}", stopped.ended.stderr);
    reported(&stopped.ended, "SIGTERM");
}

#[test]
fn ctrl_c_stops_it_too() {
    let service = Service::start();
    service.signal("-INT");
    let stopped = service.ended();
    assert_eq!(stopped.ended.code, Some(0), "{}", stopped.ended.stderr);
    reported(&stopped.ended, "SIGINT");
}

#[test]
fn in_production_it_serves_on_while_it_drains() {
    let mut service = Plan::new().without("MAINSPRING_ENV").start();
    service.health("/ready").is(200, "");
    service.signal("-TERM");
    service.logged("app.stopping");
    service.health("/ready").is(503, "");
    service.health("/live").is(200, "");
    // Load balancers that have not noticed yet still send requests.
    service
        .register(r#"{"email":"ada@example.com","userId":"u-1"}"#)
        .is(200, "");
    let stopped = service.ended();
    assert_eq!(stopped.ended.code, Some(0), "{}", stopped.ended.stderr);
    stopped.ended.with(0, &["phase drain: finished in 3."]);
    assert_eq!(stopped.analytics().len(), 1);
}

#[test]
fn a_second_signal_forces_the_exit() {
    let mut service = Service::start();
    let pending = service.sleeping(25_000);
    service.signal("-TERM");
    service.logged("app.stopping");
    service.signal("-TERM");
    let stopped = service.ended();
    stopped
        .ended
        .with(4, &["exit code 4", "warm-cache", "phase http"]);
    assert!(pending.answer().is_err(), "the connection is cut");
}

#[test]
fn errors_of_the_start_report_once_and_in_plain_words() {
    let ended = Plan::new()
        .with("QUICKSTART_POPULAR", "/no/such/file.json")
        .ends();
    let plain: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| !line.starts_with('{'))
        .collect();
    assert_eq!(ended.code, Some(1));
    assert_eq!(plain.len(), 1, "{plain:?}");
    assert!(
        plain[0].starts_with("Error: component \"warm-cache\" failed to start: "),
        "{plain:?}"
    );
}
