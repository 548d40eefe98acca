//! Registration: what is taken, what is refused and how, and the line that follows the answer.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;

use crate::http;
use crate::service::{Plan, Service, thread};

const ADA: &str = r#"{"email":"ada@example.com","userId":"u-1"}"#;

#[test]
fn a_registration_is_answered_and_has_its_line() {
    let service = Service::start();
    let answer = service.register(ADA).is(200, "");
    assert_eq!(answer.body, r#"{"ok":true}"#);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let request_id = answer.header("x-request-id").unwrap().to_owned();
    assert!(!request_id.is_empty());

    let lines = service.stopped().analytics();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["event"], "user_registered");
    assert_eq!(lines[0]["userId"], "u-1");
    assert_eq!(lines[0]["requestId"], json!(request_id));
}

#[test]
fn the_line_carries_the_id_that_the_client_gave() {
    let service = Service::start();
    let headers = [("x-request-id", "from-the-client-1")];
    let answer = http::post_with(&service.http, "/actions/account.register", &headers, ADA);
    assert_eq!(
        answer.unwrap().header("x-request-id"),
        Some("from-the-client-1")
    );
    assert_eq!(
        service.stopped().analytics()[0]["requestId"],
        "from-the-client-1"
    );
}

#[test]
fn refused_registrations_say_why_and_leave_no_line() {
    let service = Service::start();
    service.register(ADA).is(200, "");
    service.register(ADA).is(409, "registered already");
    service
        .register(r#"{"email":"eve@example.com","userId":"u-1"}"#)
        .is(409, "");

    for email in [
        "",
        "ada",
        "ada@",
        "@example.com",
        "a@b",
        "a b@example.com",
        "a@b@example.com",
    ] {
        let body = json!({"email": email, "userId": "u-2"}).to_string();
        let problem = service.register(&body).is(422, "\"email\"");
        assert_eq!(
            problem.header("content-type"),
            Some("application/problem+json")
        );
    }
    let both = service.register(r#"{"email":"ada","userId":""}"#);
    both.is(422, "\"email\"").is(422, "\"userId\"");

    let unknown = r#"{"email":"ada@example.com","userId":"u-3","admin":true}"#;
    service.register(unknown).is(400, "admin");
    service
        .register(r#"{"email":"ada@example.com"}"#)
        .is(400, "userId");
    service
        .register(r#"{"email":"ada@example.com","userId":7}"#)
        .is(400, "userId");
    service
        .register(r#"{"email":null,"userId":"u-4"}"#)
        .is(400, "email");
    for malformed in ["", "{", "[]", "null", "\"ada\"", "{\"email\""] {
        service.register(malformed).is(400, "");
    }
    http::get(&service.http, "/actions/account.register")
        .unwrap()
        .is(405, "");

    // The service still works, and only what it took has lines.
    service
        .register(r#"{"email":"bob@example.com","userId":"u-5"}"#)
        .is(200, "");
    let mut ids: Vec<_> = service
        .stopped()
        .analytics()
        .iter()
        .map(|line| line["userId"].clone())
        .collect();
    ids.sort_by_key(ToString::to_string);
    assert_eq!(ids, ["u-1", "u-5"]);
}

#[test]
fn a_user_id_has_1_to_128_bytes_of_any_text() {
    let service = Service::start();
    let register = |id: &str| {
        let body = json!({"email": "ada@example.com", "userId": id}).to_string();
        service.register(&body)
    };
    // Bytes, not characters: 64 of two bytes each, 42 of three and two of one.
    let euros = "€".repeat(42);
    let taken = [
        "x".to_owned(),
        "x".repeat(128),
        "é".repeat(64),
        format!("{euros}ab"),
    ];
    for id in &taken {
        register(id).is(200, "");
    }
    let odd = ["\n", "\u{0}", "\u{202e}", "\"},{\"", " ", "🦀"].map(str::to_owned);
    for id in &odd {
        register(id).is(200, "");
    }
    for id in [
        String::new(),
        "x".repeat(129),
        format!("{}x", "é".repeat(64)),
        "€".repeat(43),
    ] {
        register(&id).is(422, "\"userId\"");
    }
    let lines = service.stopped().analytics();
    for id in taken.iter().chain(&odd) {
        let of_it = lines
            .iter()
            .filter(|line| line["userId"] == json!(id))
            .count();
        assert_eq!(of_it, 1, "{id:?}");
    }
    assert_eq!(lines.len(), taken.len() + odd.len());
}

#[test]
fn the_answer_does_not_wait_for_the_line() {
    let plan = Plan::new();
    let data = plan.folder().join("data");
    std::fs::create_dir(&data).unwrap();
    let analytics = data.join("analytics.jsonl");
    let mut pipe = full_pipe(&analytics);
    // Nobody reads, so the follow-up cannot write its line. The client has its answer all the same.
    let service = plan.start();
    let answer = service.register(ADA).is(200, "");
    let (line, lines) = mpsc::channel();
    thread(move || {
        let mut text = String::new();
        let read = BufReader::new(&mut pipe).read_line(&mut text);
        let _ = line.send((read.map(|_| text), pipe));
    });
    let (text, _pipe) = lines.recv_timeout(Duration::from_secs(30)).unwrap();
    let text = text.unwrap();
    let line: serde_json::Value = serde_json::from_str(text.trim_start_matches(' ')).unwrap();
    assert_eq!(
        line["requestId"],
        json!(answer.header("x-request-id").unwrap())
    );
    service.stopped();
}

/// A pipe at this path which takes nothing more until somebody reads; the reader must skip the
/// blanks in it.
fn full_pipe(path: &Path) -> File {
    /// `O_NONBLOCK` of Linux: a write to a full pipe is an error instead of a wait.
    const NON_BLOCKING: i32 = 0o4000;
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    // Both ends at once, so that opening waits for nobody.
    let both = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut filler = OpenOptions::new();
    let mut filler = filler
        .write(true)
        .custom_flags(NON_BLOCKING)
        .open(path)
        .unwrap();
    loop {
        match filler.write(b" ") {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return both,
            Err(error) => panic!("{error}"),
        }
    }
}
