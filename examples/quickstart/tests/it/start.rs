//! Addresses, settings and files at start-up, and what is said when they cannot be used.

use std::fs;
use std::net::TcpListener;

use crate::http;
use crate::service::{Plan, Service};

/// An address that is taken for as long as the listener lives.
fn taken() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[test]
fn two_lines_say_where_it_listens_and_nothing_else_is_on_stdout() {
    let service = Service::start();
    assert!(service.http.starts_with("127.0.0.1:") && !service.http.ends_with(":0"));
    assert!(service.health.starts_with("127.0.0.1:") && !service.health.ends_with(":0"));
    assert_ne!(service.http, service.health);
    assert_eq!(service.stopped().ended.stdout, Vec::<String>::new());
}

#[test]
fn the_default_addresses_are_8080_and_9090() {
    let plan = Plan::new()
        .without("MAINSPRING_HTTP_ADDR")
        .without("MAINSPRING_HEALTH_ADDR");
    // Another program may have the ports. Then this one says which it wanted.
    match (
        TcpListener::bind("127.0.0.1:8080"),
        TcpListener::bind("127.0.0.1:9090"),
    ) {
        (Ok(http), Ok(health)) => {
            drop((http, health));
            let service = plan.start();
            assert_eq!(service.http, "127.0.0.1:8080");
            assert_eq!(service.health, "127.0.0.1:9090");
            service.stopped();
        }
        (Err(_), Ok(_)) => plan.refuses(&["127.0.0.1:8080"]),
        (Ok(_), Err(_)) => plan.refuses(&["127.0.0.1:9090"]),
        (Err(_), Err(_)) => plan.refuses(&["127.0.0.1:8080", "127.0.0.1:9090"]),
    }
}

#[test]
fn a_taken_port_is_named_with_its_listener_and_its_variable() {
    let (_main, main) = taken();
    let (_health, health) = taken();
    let http_addr = |plan: Plan| plan.with("MAINSPRING_HTTP_ADDR", &main);
    let health_addr = |plan: Plan| plan.with("MAINSPRING_HEALTH_ADDR", &health);
    let named_main = ["listener \"main\"", main.as_str(), "MAINSPRING_HTTP_ADDR"];
    let named_health = [
        "listener \"health\"",
        health.as_str(),
        "MAINSPRING_HEALTH_ADDR",
    ];
    http_addr(Plan::new()).refuses(&named_main);
    health_addr(Plan::new()).refuses(&named_health);
    http_addr(health_addr(Plan::new())).refuses(&[named_main, named_health].concat());
}

#[test]
fn an_address_that_is_none_is_named_with_its_variable() {
    let refuses = |name: &str, value: &str| Plan::new().with(name, value).refuses(&[value, name]);
    refuses("MAINSPRING_HTTP_ADDR", "nonsense");
    refuses("MAINSPRING_HTTP_ADDR", "127.0.0.1:99999");
    refuses("MAINSPRING_HEALTH_ADDR", "nonsense");
    refuses("MAINSPRING_HEALTH_ADDR", "127.0.0.1:99999");
}

#[test]
fn an_empty_setting_counts_as_none() {
    let plan = Plan::new()
        .with("QUICKSTART_POPULAR", "")
        .with("QUICKSTART_TRIGGER_KEY", "");
    plan.with("MAINSPRING_LOG", "").start().stopped();
}

#[test]
fn bad_settings_are_named() {
    let refuses = |name: &str, value: &str, said: &[&str]| {
        Plan::new()
            .with(name, value)
            .refuses(&[&[name], said].concat());
    };
    refuses(
        "MAINSPRING_ENV",
        "prod",
        &["`production` nor `development`"],
    );
    refuses("MAINSPRING_LOG", "loud", &["\"loud\"", "hint: "]);
    for key in ["secret", "whsec_???", "whsec_c2hvcnQ="] {
        refuses("QUICKSTART_TRIGGER_KEY", key, &["hint: a key is `whsec_`"]);
    }
}

#[test]
fn several_bad_settings_are_named_at_once() {
    let plan = Plan::new()
        .with("MAINSPRING_ENV", "prod")
        .with("MAINSPRING_HTTP_ADDR", "nonsense");
    plan.refuses(&[
        "2 configuration errors",
        "MAINSPRING_ENV",
        "MAINSPRING_HTTP_ADDR",
    ]);
}

#[test]
fn a_bad_setting_leaves_no_folder_behind() {
    for (name, value, said) in [
        ("MAINSPRING_ENV", "prod", "MAINSPRING_ENV"),
        ("MAINSPRING_HEALTH_ADDR", "nonsense", "nonsense"),
        ("QUICKSTART_TRIGGER_KEY", "short", "QUICKSTART_TRIGGER_KEY"),
        ("MAINSPRING_DATABASE_URL", "postgres://db/app", "postgres:"),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let data = scratch.path().join("data");
        Plan::new()
            .with("QUICKSTART_DATA", &data)
            .with(name, value)
            .refuses(&[said]);
        assert!(!data.exists(), "{name}");
    }
}

#[test]
fn a_popular_file_that_cannot_be_used_is_named_with_its_component() {
    let said = |text: Option<&str>, why: &str| {
        let plan = Plan::new();
        let file = plan.folder().join("popular.json");
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        let path = file.display().to_string();
        plan.with("QUICKSTART_POPULAR", &file)
            .refuses(&["\"warm-cache\"", &path, why]);
    };
    said(None, "No such file");
    said(Some("[\"tea\""), "EOF");
    said(Some("{\"tea\":1}"), "expected a sequence");
    said(Some("[1]"), "expected a string");
    said(Some(""), "EOF");
}

#[test]
fn a_popular_file_without_an_end_aborts_the_boot() {
    let plan = Plan::new().with("QUICKSTART_POPULAR", "/dev/zero");
    plan.refuses(&["/dev/zero: it has more than 1048576 bytes"]);
}

#[test]
fn a_popular_file_takes_the_place_of_the_list_that_is_built_in() {
    let plan = Plan::new();
    let file = plan.folder().join("popular.json");
    fs::write(&file, "[\"tea\",\"coffee\"]").unwrap();
    let mut service = plan.with("QUICKSTART_POPULAR", &file).start();
    service.logged("\"items\":2");
    service.stopped();
}

#[test]
fn the_data_folder_is_created() {
    let plan = Plan::new();
    let data = plan.folder().join("some/where/deep");
    let service = plan.with("QUICKSTART_DATA", &data).data_in(data).start();
    service
        .register(r#"{"email":"ada@example.com","userId":"u-1"}"#)
        .is(200, "");
    assert_eq!(service.stopped().analytics().len(), 1);
}

#[test]
fn without_a_setting_the_data_is_in_the_folder_it_runs_in() {
    let plan = Plan::new().without("QUICKSTART_DATA");
    let data = plan.folder().join("quickstart-data");
    let service = plan.data_in(data).start();
    service
        .register(r#"{"email":"ada@example.com","userId":"u-1"}"#)
        .is(200, "");
    assert_eq!(service.stopped().analytics().len(), 1);
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    let plan = Plan::new();
    let file = plan.folder().join("a-file");
    fs::write(&file, "").unwrap();
    let below = file.join("below");
    for data in [&file, &below] {
        let path = data.display().to_string();
        Plan::new()
            .with("QUICKSTART_DATA", data)
            .refuses(&[&path, "QUICKSTART_DATA"]);
    }
}

#[test]
fn it_runs_from_any_folder() {
    // Of the two, only the first is the folder of the project.
    for folder in [env!("CARGO_MANIFEST_DIR"), "/"] {
        let service = Plan::new().running_in(folder).start();
        service
            .register(r#"{"email":"ada@example.com","userId":"u-1"}"#)
            .is(200, "");
        assert_eq!(service.stopped().analytics().len(), 1);
    }
}

#[test]
fn health_has_a_socket_of_its_own() {
    let service = Service::start();
    service.health("/live").is(200, "");
    service.health("/startup").is(200, "");
    let ready = service.health("/ready").is(200, "warm-cache").json();
    assert_eq!(ready["state"], "healthy", "{ready}");
    let metrics = service.health("/metrics");
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .contains("openmetrics"),
        "{metrics:?}"
    );
    metrics.is(200, "mainspring_component_state");
    http::get(&service.http, "/ready").unwrap().is(404, "");
    http::get(&service.health, "/actions/demo.sleep")
        .unwrap()
        .is(404, "");
    service.stopped();
}
