//! Processes that end at any moment: whoever was answered gets one mail, also from the next one.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::http;
use crate::mail::{addresses_of_users, mails, names};
use crate::service::{Plan, Service, thread};

/// How often the service is killed.
const KILLS: usize = 10;

const CLIENTS: usize = 4;

/// The most registrations that are answered before a kill.
const ANSWERED_MAX: usize = 60;

/// How long anything here may take: only a failure ever waits for it.
const LIMIT: Duration = Duration::from_secs(60);

/// A service on the data folder that all services of a test share.
fn service_on(data: &Path) -> Service {
    let plan = Plan::new().with("QUICKSTART_DATA", data);
    plan.data_in(data.to_owned()).start()
}

/// Registers users until the service is gone; tells the address of each that was answered 200.
fn client(address: &str, name: &str, told: &Sender<String>) {
    for number in 0.. {
        let email = format!("{name}-{number}@example.com");
        let body = json!({"email": email, "userId": email}).to_string();
        match http::post(address, "/actions/account.register", &body) {
            Ok(answer) if answer.status == 200 => drop(told.send(email)),
            _ => return,
        }
    }
}

/// Waits until there are as many mails as users.
fn wait_for_mails(service: &Service, data: &Path) {
    let users = addresses_of_users(data).len();
    service.wait_until(move |data| mails(data).len() >= users);
}

/// Checks that all these users are there, and that each user has exactly one mail.
#[track_caller]
fn each_has_one_mail(data: &Path, answered: &BTreeSet<String>) {
    let users = addresses_of_users(data);
    let lost = answered.iter().find(|email| !users.contains(email));
    assert_eq!(lost, None, "an answered registration is lost");
    let mut mailed: Vec<_> = mails(data)
        .into_iter()
        .map(|(_, address)| address)
        .collect();
    mailed.sort_unstable();
    assert_eq!(mailed, users);
    let parts = names(data)
        .into_iter()
        .filter(|name| !name.ends_with(".eml"));
    assert_eq!(parts.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn every_answered_registration_has_one_mail_however_often_the_service_is_killed() {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let mut answered = BTreeSet::new();
    for round in 0..KILLS {
        let service = service_on(&data);
        let (told, accepted) = mpsc::channel();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (address, told) = (service.http.clone(), told.clone());
                thread(move || client(&address, &format!("r{round}c{number}"), &told))
            })
            .collect();
        drop(told);
        for _ in 0..random.usize(0..=ANSWERED_MAX) {
            answered.insert(accepted.recv_timeout(LIMIT).unwrap());
        }
        service.signal("-KILL");
        assert_eq!(service.ended().ended.code, None, "a signal has ended it");
        for client in clients {
            client.join().unwrap();
        }
        answered.extend(accepted);
    }
    let service = service_on(&data);
    wait_for_mails(&service, &data);
    service.stopped();
    each_has_one_mail(&data, &answered);
}

#[test]
fn sigterm_loses_no_mail() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let service = service_on(&data);
    let (told, accepted) = mpsc::channel();
    let address = service.http.clone();
    let client = thread(move || client(&address, "c", &told));
    let mut answered: BTreeSet<_> = (0..50)
        .map(|_| accepted.recv_timeout(LIMIT).unwrap())
        .collect();
    service.stopped();
    client.join().unwrap();
    answered.extend(accepted);
    let half = names(&data)
        .into_iter()
        .find(|name| name.ends_with(".part"));
    assert_eq!(half, None, "what was under way has been finished");

    let service = service_on(&data);
    wait_for_mails(&service, &data);
    service.stopped();
    each_has_one_mail(&data, &answered);
}
