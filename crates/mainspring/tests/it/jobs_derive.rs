//! The derive of jobs: what its attribute says is what the job has.

use std::sync::Arc;
use std::time::Duration;

use mainspring::error::BoxError;
use mainspring::job::{
    Backoff, Gate, Job, JobOptions, OnConflict, Payload, Priority, Rate, Retry, Scope, Unique,
    Value,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Job)]
#[job(kind = "plain")]
struct Plain;

#[derive(Debug, PartialEq, Serialize, Deserialize, Job)]
#[job(
    kind = "mail:welcome",
    aliases = ["mail", "welcome"],
    queue = "post",
    priority = "urgent",
    max_attempts = 8,
    backoff = "linear 5s cap 10m",
    jitter = false,
    timeout = "1m30s",
    version = 3,
    upgrade = "upgrade_mail"
)]
#[job(
    unique(key = ["tenant", "to"], scope = "1h", conflict = "replace"),
    gate(key = "tenant", limit = 2, rate = "10 per 1s")
)]
struct Mail {
    tenant: u32,
    to: String,
}

fn upgrade_mail(version: u16, mut payload: Value) -> Result<Mail, serde_json::Error> {
    payload["tenant"] = version.into();
    serde_json::from_value(payload)
}

#[derive(Serialize, Deserialize, Job)]
#[job(kind = "endless", timeout = "none", unique, gate(key = "0", ordered))]
struct Endless(u8);

#[derive(Serialize, Deserialize, Job)]
#[job(
    kind = "either",
    backoff = "fixed 0s",
    unique(scope = "until_started", conflict = "error")
)]
enum Either {
    One,
}

#[test]
fn a_kind_alone_leaves_all_defaults() {
    assert_eq!((Plain::KIND, Plain::VERSION), ("plain", 1));
    assert!(Plain::ALIASES.is_empty() && Plain.unique().is_none() && Plain.gate().is_none());
    assert_eq!(Plain::options(), JobOptions::default());
}

#[test]
fn every_option_arrives() -> Result<(), BoxError> {
    assert_eq!((Mail::KIND, Mail::VERSION), ("mail:welcome", 3));
    assert_eq!(Mail::ALIASES, ["mail", "welcome"]);
    let options = Mail::options();
    assert_eq!(
        (options.queue, options.priority),
        ("post", Priority::Urgent)
    );
    assert_eq!(options.timeout, Some(Duration::from_secs(90)));
    let retry = Retry {
        max_attempts: 8,
        backoff: Backoff::Linear(Duration::from_secs(5)),
        cap: Duration::from_secs(600),
        jitter: false,
    };
    assert_eq!(options.retry, retry);
    let mail = Mail {
        tenant: 7,
        to: "a/b".to_owned(),
    };
    let hour = Scope::For(Duration::from_secs(3600));
    assert_eq!(
        mail.unique(),
        Some(Unique::new("7/a\\/b").within(hour).or_replace())
    );
    let rate = Rate::new(10, Duration::from_secs(1));
    assert_eq!(mail.gate(), Some(Gate::new("tenant=7", 2).at_rate(rate)));

    let old = Payload::from_json(&br#"{"to":"ada"}"#[..], 2)?;
    let upgraded = old.decode::<Mail>()?;
    assert_eq!((upgraded.tenant, &*upgraded.to), (2, "ada"));
    Ok(())
}

#[test]
fn limits_can_be_lifted_and_keys_left_out() {
    assert_eq!(Endless::options().timeout, None);
    assert_eq!(Endless(1).unique(), Some(Unique::new("endless")));
    assert_eq!(Endless(1).gate(), Some(Gate::ordered("0=1")));
    let unique = Either::One.unique().unwrap();
    assert_eq!(
        (unique.scope, unique.on_conflict),
        (Scope::UntilStarted, OnConflict::Error)
    );
    assert_eq!(unique.key, Arc::from("either"));
    assert_eq!(
        Either::options().retry.backoff,
        Backoff::Fixed(Duration::ZERO)
    );
}
