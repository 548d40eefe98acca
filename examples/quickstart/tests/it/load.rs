//! Many registrations at once: nothing is lost, nothing is doubled, every line is whole.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use serde_json::json;

use crate::http;
use crate::service::{Plan, Service, lines, thread};

const CLIENTS: usize = 8;

/// Every registration that got 200: the user id, and the request id of the answer.
type Accepted = BTreeMap<String, String>;

/// Registers users one after the other, until the service takes no more of them or `most` are
/// registered.
fn client(address: &str, name: &str, most: usize, told: &Sender<()>) -> Accepted {
    let mut accepted = Accepted::new();
    // Long ids, so that a line takes a while to write.
    let filler = "x".repeat(100);
    for number in 0..most {
        let id = format!("{name}-{number}-{filler}");
        let body = json!({"email": "ada@example.com", "userId": id}).to_string();
        let Ok(answer) = http::post(address, "/actions/account.register", &body) else {
            break;
        };
        if answer.status != 200 {
            break;
        }
        let request_id = answer.header("x-request-id").unwrap().to_owned();
        accepted.insert(id, request_id);
        let _ = told.send(());
    }
    accepted
}

/// Starts the clients of one service; what they registered comes with their end.
fn clients(
    service: &Service,
    name: &str,
    most: usize,
    told: &Sender<()>,
) -> Vec<std::thread::JoinHandle<Accepted>> {
    let start = |number| {
        let (address, told) = (service.http.clone(), told.clone());
        let name = format!("{name}{number}");
        thread(move || client(&address, &name, most, &told))
    };
    (0..CLIENTS).map(start).collect()
}

fn all(clients: Vec<std::thread::JoinHandle<Accepted>>) -> Accepted {
    clients
        .into_iter()
        .flat_map(|client| client.join().unwrap())
        .collect()
}

#[test]
fn sigterm_under_load_loses_no_line_of_an_accepted_registration() {
    let service = Service::start();
    let (told, accepted) = mpsc::channel();
    let clients = clients(&service, "c", usize::MAX, &told);
    for _ in 0..400 {
        accepted.recv_timeout(Duration::from_secs(30)).unwrap();
    }
    let stopped = service.stopped();
    let accepted = all(clients);
    assert!(accepted.len() >= 400);

    let mut lines = BTreeMap::new();
    for line in stopped.analytics() {
        let id = line["userId"].as_str().unwrap().to_owned();
        let twice = lines.insert(id, line["requestId"].as_str().unwrap().to_owned());
        assert_eq!(twice, None, "{line}");
    }
    for (id, request_id) in &accepted {
        assert_eq!(lines.get(id), Some(request_id), "{id}");
    }
}

#[test]
fn lines_are_whole_even_where_two_services_share_a_file() {
    let plan = Plan::new();
    let data = plan.folder().join("data");
    let other = Plan::new().with("QUICKSTART_DATA", &data).start();
    let service = plan.start();
    let (told, _accepted) = mpsc::channel();
    let both = [
        clients(&service, "a", 60, &told),
        clients(&other, "b", 60, &told),
    ];
    let registered: usize = both.map(|clients| all(clients).len()).iter().sum();
    assert_eq!(registered, 2 * CLIENTS * 60);
    other.stopped();
    let stopped = service.stopped();
    assert_eq!(stopped.analytics().len(), registered);
    drop(lines(&data.join("reports.jsonl")));
}
