//! Reports on a clock, in a real process.

use std::io::{BufRead, BufReader};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use mainspring::time::Timestamp;
use serde_json::Value;

use crate::service::{Plan, thread};

#[test]
fn a_report_is_written_every_five_seconds() {
    let plan = Plan::new();
    let data = plan.folder().join("data");
    std::fs::create_dir(&data).unwrap();
    // A pipe in place of the file: its reader hears of each line when it is written.
    let pipe = data.join("reports.jsonl");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let (line, lines) = mpsc::channel();
    thread(move || {
        let texts = BufReader::new(std::fs::File::open(pipe).unwrap()).lines();
        texts
            .map_while(Result::ok)
            .for_each(|text| drop(line.send(text)));
    });
    let service = plan.start();
    service
        .register(r#"{"email":"ada@example.com","userId":"u-1"}"#)
        .is(200, "");
    let next = || -> Value {
        let text = lines.recv_timeout(Duration::from_secs(30)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let (first, second) = (next(), next());
    for report in [&first, &second] {
        assert_eq!(report["registered"], 1);
        assert!(
            at(&report["ranAt"]) >= at(&report["scheduledFor"]),
            "{report}"
        );
    }
    let apart = at(&second["scheduledFor"]).duration_since(at(&first["scheduledFor"]));
    // The grid is one of monotonic time; the wall clock may be slewed meanwhile.
    let off = (apart.as_secs_f64() - 5.0).abs();
    assert!(off < 0.5, "{apart:?}");
    service.stopped();
}

fn at(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}
