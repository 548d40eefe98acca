//! The trigger `report.run`, called as a Standard Webhooks client calls it.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::http::{self, Answer};
use crate::service::{Plan, Service, lines};

const SECRET: &[u8; 32] = b"thirty-two bytes of a secret key";

const PATH: &str = "/triggers/report.run";

fn key() -> String {
    format!("whsec_{}", STANDARD.encode(SECRET))
}

/// A call as it is signed: the id, when, by which key.
struct Call {
    id: &'static str,
    at: i64,
    secret: Vec<u8>,
}

impl Call {
    fn new(id: &'static str) -> Self {
        Self {
            id,
            at: now(),
            secret: SECRET.to_vec(),
        }
    }

    fn send(&self, service: &Service, body: &str) -> Answer {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).unwrap();
        mac.update(format!("{}.{}.{body}", self.id, self.at).as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let at = self.at.to_string();
        let headers = [
            ("webhook-id", self.id),
            ("webhook-timestamp", at.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        http::post_with(&service.http, PATH, &headers, body).unwrap()
    }
}

#[test]
fn without_a_key_there_is_no_trigger() {
    let service = Service::start();
    Call::new("a").send(&service, "").is(404, "");
    service.post(PATH, "").is(404, "");
    service.stopped();
}

#[test]
fn a_signed_call_writes_a_report_once() {
    let service = Plan::new().with("QUICKSTART_TRIGGER_KEY", key()).start();
    service
        .register(r#"{"email":"ada@example.com","userId":"u-1"}"#)
        .is(200, "");
    let run = Call::new("msg-1")
        .send(&service, "")
        .is(202, "runId")
        .json();
    assert!(!run["runId"].as_str().unwrap().is_empty());
    let again = Call::new("msg-1")
        .send(&service, "")
        .is(200, "runId")
        .json();
    assert_eq!(again, run);
    // Clients of other systems send an envelope of their own.
    let other = Call::new("msg-2")
        .send(&service, r#"{"type":"report.due"}"#)
        .is(202, "runId")
        .json();
    assert_ne!(other, run);
    // Registered as a trigger only.
    service.post("/actions/report.run", "null").is(404, "");

    // The runs are jobs: what has not begun at a stop would run after the next start.
    service.wait_until(|data| triggered(data) == 2);
    let stopped = service.stopped();
    let reports = stopped.lines("reports.jsonl");
    assert!(
        reports.iter().all(|line| line["registered"] == 1),
        "{reports:?}"
    );
}

/// How many reports were triggered. The clock may have written some as well, where the machine is
/// slow.
fn triggered(data: &Path) -> usize {
    let reports = lines(&data.join("reports.jsonl"));
    let triggered = reports
        .iter()
        .filter(|line| line["ranAt"] == line["scheduledFor"]);
    triggered.count()
}

#[test]
fn what_is_not_signed_rightly_is_refused_without_a_reason() {
    let service = Plan::new().with("QUICKSTART_TRIGGER_KEY", key()).start();
    let unsigned = service.post(PATH, "").is(401, "");
    // The key signs; it is no token to be sent along.
    let bearer = format!("Bearer {}", key());
    let headers = [("authorization", bearer.as_str()), ("webhook-id", "z")];
    http::post_with(&service.http, PATH, &headers, "")
        .unwrap()
        .is(401, "");
    let wrong_key = Call {
        secret: b"another key of thirty-two bytes!".to_vec(),
        ..Call::new("a")
    };
    let old = Call {
        at: now() - 3600,
        ..Call::new("b")
    };
    let early = Call {
        at: now() + 3600,
        ..Call::new("c")
    };
    for call in [wrong_key, old, early] {
        let refused = call.send(&service, "").is(401, "");
        let (mut this, mut first) = (refused.json(), unsigned.json());
        for problem in [&mut this, &mut first] {
            problem.as_object_mut().unwrap().remove("requestId");
        }
        assert_eq!(this, first, "all refusals are alike");
    }
    assert_eq!(
        service.stopped().lines("reports.jsonl"),
        Vec::<serde_json::Value>::new()
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "a signature is made at the machine's own time"
)]
fn now() -> i64 {
    mainspring::time::Timestamp::now().as_second()
}
