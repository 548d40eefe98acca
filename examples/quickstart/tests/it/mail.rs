//! The welcome mail: one file for each registration that holds, none for one that does not.

use std::fs;
use std::path::Path;

use mainspring::test::{StartedApp, TestApp, timestamp};
use quickstart::{Register, RegisterInput};
use rusqlite::Connection;

use crate::service::{Plan, lines};
use crate::virtual_time::app_in;

/// The mails in the outbox of a data folder: the name of each file and its address, sorted.
pub(crate) fn mails(data: &Path) -> Vec<(String, String)> {
    let named = names(data).into_iter();
    let mails = named.filter(|name| name.ends_with(".eml")).map(|name| {
        let text = fs::read_to_string(data.join("outbox").join(&name)).unwrap();
        assert!(text.ends_with("is ready.\n"), "{name} is whole: {text:?}");
        let mut to = text.lines().filter_map(|line| line.strip_prefix("To: "));
        let address = to.next().unwrap().to_owned();
        assert_eq!(to.next(), None, "{text}");
        (name, address)
    });
    mails.collect()
}

/// Everything that is in the outbox, sorted.
pub(crate) fn names(data: &Path) -> Vec<String> {
    let files = fs::read_dir(data.join("outbox")).unwrap();
    let name = |file: fs::DirEntry| file.file_name().into_string().unwrap();
    let mut names: Vec<_> = files.map(|file| name(file.unwrap())).collect();
    names.sort_unstable();
    names
}

/// The addresses of all users, sorted.
pub(crate) fn addresses_of_users(data: &Path) -> Vec<String> {
    let database = Connection::open(data.join("app.db")).unwrap();
    let mut users = database
        .prepare("SELECT email FROM users ORDER BY email")
        .unwrap();
    let emails = users.query_map([], |row| row.get(0)).unwrap();
    emails.map(Result::unwrap).collect()
}

async fn register(app: &StartedApp, email: &str, user_id: &str) -> Option<u16> {
    let input = RegisterInput {
        email: email.to_owned(),
        user_id: user_id.to_owned(),
    };
    let answer = app.call::<Register>(input).await;
    answer.map_or_else(|error| error.status(), |_| Some(200))
}

#[mainspring::test(start = "2026-03-28T00:00:00Z")]
async fn a_registration_has_one_mail_named_by_its_key(app: TestApp) {
    let folder = tempfile::tempdir().unwrap();
    let app = app.start(app_in(folder.path())).await;
    let status = register(&app, "ada@example.com", "u-1").await;
    assert_eq!(status, Some(200));
    app.settle().await;

    let mails = mails(folder.path());
    assert_eq!(mails.len(), 1);
    assert_eq!(names(folder.path()).len(), 1, "nothing else is left there");
    let (name, address) = &mails[0];
    assert_eq!(address, "ada@example.com");
    let text = fs::read_to_string(folder.path().join("outbox").join(name)).unwrap();
    let key = name.strip_suffix(".eml").unwrap();
    assert!(text.contains(&format!("Message-ID: <{key}@")), "{text}");
    assert!(
        text.starts_with("Date: Sat, 28 Mar 2026 00:00:00 +0000\n"),
        "{text}"
    );
}

#[mainspring::test]
async fn a_registration_that_is_refused_or_rolled_back_has_none(app: TestApp) {
    let folder = tempfile::tempdir().unwrap();
    let app = app.start(app_in(folder.path())).await;
    assert_eq!(register(&app, "ada@example.com", "u-1").await, Some(200));
    assert_eq!(register(&app, "eve@example.com", "u-1").await, Some(409));
    // Only the commit finds that this is not there, after the mail has been enqueued.
    let database = Connection::open(folder.path().join("app.db")).unwrap();
    let broken = "
        CREATE TABLE broken (id TEXT REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER break AFTER INSERT ON users WHEN NEW.id = 'u-2'
        BEGIN INSERT INTO broken VALUES ('nobody'); END;";
    database.execute_batch(broken).unwrap();
    assert_eq!(register(&app, "bob@example.com", "u-2").await, Some(500));
    assert_eq!(register(&app, "cy@example.com", "u-3").await, Some(200));
    app.settle().await;

    let mut addresses: Vec<_> = mails(folder.path()).into_iter().map(|(_, to)| to).collect();
    addresses.sort_unstable();
    assert_eq!(addresses, ["ada@example.com", "cy@example.com"]);
    assert_eq!(addresses_of_users(folder.path()), addresses);
}

#[mainspring::test(start = "2026-03-28T00:00:00Z")]
async fn the_digest_comes_each_minute_and_once_for_a_time_without_a_process(app: TestApp) {
    let folder = tempfile::tempdir().unwrap();
    let due = || -> Vec<String> {
        let lines = lines(&folder.path().join("digests.jsonl"));
        let due = |line: &serde_json::Value| line["scheduledFor"].as_str().unwrap().to_owned();
        lines.iter().map(due).collect()
    };
    let first = app.start(app_in(folder.path())).await;
    first.advance_to(timestamp("2026-03-28T00:02:30Z")).await;
    assert_eq!(due(), ["2026-03-28T00:01:00Z", "2026-03-28T00:02:00Z"]);
    first.shutdown("restart");
    assert_eq!(first.stopped().await.exit_code(), 0);
    app.advance_to(timestamp("2026-03-28T03:00:30Z")).await;
    let second = app.start(app_in(folder.path())).await;
    second.advance_to(timestamp("2026-03-28T03:01:30Z")).await;
    assert_eq!(due()[2..], ["2026-03-28T03:00:00Z", "2026-03-28T03:01:00Z"]);
}

#[test]
fn another_database_holds_the_users_where_one_is_named() {
    let plan = Plan::new();
    let (data, elsewhere) = (plan.folder().join("data"), plan.folder().join("deep/er"));
    let url = format!(
        "sqlite:{}?synchronous=normal",
        elsewhere.join("u.db").display()
    );
    let service = plan.with("MAINSPRING_DATABASE_URL", url).start();
    service
        .register(r#"{"email":"ada@example.com","userId":"u-1"}"#)
        .is(200, "");
    assert!(elsewhere.join("u.db").exists());
    assert!(!data.join("app.db").exists());
    service.stopped();
}

#[test]
fn a_database_that_cannot_be_used_is_said_with_what_else_is_wrong() {
    for (url, said) in [
        ("postgres://ada:lovelace@db/app", "postgres:"),
        ("app.db", "sqlite:path/to/file.db"),
        ("sqlite:", "it names no file"),
        ("sqlite:a.db?sync=full", "no option"),
        ("\u{1F980}", "sqlite:path/to/file.db"),
    ] {
        let plan = Plan::new()
            .with("MAINSPRING_DATABASE_URL", url)
            .with("MAINSPRING_ENV", "prod");
        let ended = plan.ends();
        ended.with(
            1,
            &[
                "2 configuration errors",
                "MAINSPRING_ENV",
                "DATABASE_URL",
                said,
            ],
        );
        assert!(!ended.stderr.contains("lovelace"), "{}", ended.stderr);
    }
    let memory = Plan::new().with("MAINSPRING_DATABASE_URL", "memory:");
    memory.refuses(&["\"users\"", "MAINSPRING_DATABASE_URL"]);
    let below_a_file = Plan::new().with("MAINSPRING_DATABASE_URL", "sqlite:/dev/null/app.db");
    below_a_file.refuses(&["the folder /dev/null of the database cannot be made"]);
}
