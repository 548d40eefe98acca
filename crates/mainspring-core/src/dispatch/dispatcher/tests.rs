use std::sync::Arc;

use super::*;
use crate::job::{JobId, Payload, Rate, State, Token};
use crate::store::Claim;

/// A dispatcher with a hand-moved clock; commands are shown as one line each.
struct Rig {
    machine: Dispatcher,
    now: Moment,
    jobs: u8,
    lines: Vec<String>,
}

const KEEP: usize = 200;

impl Rig {
    fn new(queues: &[(&str, usize)]) -> Self {
        let kinds: Arc<[Arc<str>]> = Arc::from([Arc::from("work")]);
        let settings = queues
            .iter()
            .map(|(name, slots)| QueueSettings::new(Arc::from(*name), Arc::clone(&kinds), *slots));
        Self::with(settings.collect())
    }

    fn with(settings: Vec<QueueSettings>) -> Self {
        let now = Moment {
            wall: Timestamp::UNIX_EPOCH,
            monotonic: Monotonic::ORIGIN,
        };
        Self {
            machine: Dispatcher::new(settings),
            now,
            jobs: 0,
            lines: Vec::new(),
        }
    }

    fn job(&mut self, queue: &str, solo: bool) -> ClaimedJob {
        self.jobs = self.jobs.wrapping_add(1);
        let claim = Claim {
            id: JobId::from_bytes([self.jobs; 16]),
            row: i64::from(self.jobs),
            token: Token::from_bytes([0; 16]),
        };
        let payload = Payload::encode(&0, 1).unwrap();
        let due = self.now.wall;
        let mut job = ClaimedJob::new(claim, Arc::from("work"), Arc::from(queue), due, payload);
        job.solo = solo;
        job
    }

    fn pass(&mut self, millis: u64) {
        let by = Duration::from_millis(millis);
        self.now.wall = wall_after(self.now.wall, by);
        self.now.monotonic = self.now.monotonic + by;
        self.note(format!("-- {millis} ms pass"));
    }

    fn note(&mut self, line: impl Into<String>) {
        assert!(self.lines.len() < KEEP, "the sequence never ends");
        self.lines.push(line.into());
    }

    fn decide(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        self.machine.decide(self.now, &mut commands);
        for command in &commands {
            let line = show(command);
            self.note(line);
        }
        let mut again = Vec::new();
        self.machine.decide(self.now, &mut again);
        assert!(
            again.is_empty(),
            "deciding again says nothing new: {again:?}"
        );
        commands
    }

    fn claimed(&mut self, queue: &str, jobs: usize) {
        let jobs = (0..jobs).map(|_| self.job(queue, false)).collect();
        self.answer(Claimed {
            jobs,
            ..Claimed::default()
        });
    }

    fn answer(&mut self, claimed: Claimed) {
        let Claimed {
            jobs, solo_waits, ..
        } = &claimed;
        let (jobs, waits) = (jobs.len(), if *solo_waits { ", solo waits" } else { "" });
        self.note(format!("<- claimed {jobs}{waits}"));
        self.machine.claimed(self.now, claimed);
        self.decide();
    }

    fn promoted(&mut self, jobs: usize, next_due: Option<Timestamp>) {
        let next = next_due.map(|at| at.as_millisecond());
        self.note(format!("<- promoted {jobs}, next {next:?}"));
        self.machine
            .promoted(self.now, Promoted::new(jobs, next_due));
        self.decide();
    }

    fn finished(&mut self) {
        let answers = vec![Finished::Now(State::Succeeded); self.machine.sent.len()];
        self.note(format!("<- finished {}", answers.len()));
        self.machine.finished(&answers);
        self.decide();
    }

    /// A runner takes a job.
    fn take(&mut self, place: usize) -> Option<ClaimedJob> {
        self.end(place, None)
    }

    fn end(&mut self, place: usize, job: Option<ClaimedJob>) -> Option<ClaimedJob> {
        let verdict = Verdict::Succeed { output: None };
        let end = job.map(|job| Finish::new(job.claim, verdict, None));
        let (next, wake) = self.machine.next(self.now, place, end);
        let took = next.as_ref().map(|job| job.claim.row);
        self.note(format!("runner of {place} takes {took:?}, wake {wake}"));
        next
    }
}

fn show(command: &Command) -> String {
    match command {
        Command::Claim { queues, solo } => {
            let shown = queues.iter().map(|q| format!("{} {}", q.queue, q.max));
            let solo = if *solo { " alone" } else { "" };
            format!("claim{solo} {}", shown.collect::<Vec<_>>().join(", "))
        }
        Command::Finish(batch) => {
            let ends = batch
                .iter()
                .map(|f| format!("{} {}", f.claim.row, f.verdict.as_str()));
            format!("finish {}", ends.collect::<Vec<_>>().join(", "))
        }
        Command::Promote => "promote".to_owned(),
        Command::Run { queue, runners } => format!("run {runners} of {queue}"),
    }
}

#[test]
fn a_job_from_start_to_rest() {
    let mut rig = Rig::new(&[("default", 2)]);
    rig.decide();
    rig.promoted(0, None);
    rig.claimed("default", 1);
    let job = rig.take(0);
    rig.end(0, job);
    rig.decide();
    rig.finished();
    assert_eq!(rig.machine.wake(), Wake::default(), "it rests");
    rig.note("hint");
    rig.machine.hint();
    rig.decide();
    insta::assert_snapshot!(rig.lines.join("\n"));
}

#[test]
fn what_ends_during_a_finish_is_the_next_batch() {
    let mut rig = Rig::new(&[("default", 3)]);
    rig.decide();
    rig.promoted(0, None);
    rig.claimed("default", 3);
    let [a, b, c] = [rig.take(0), rig.take(0), rig.take(0)];
    rig.end(0, a);
    rig.decide();
    rig.end(0, b);
    rig.end(0, c);
    rig.decide();
    rig.finished();
    rig.finished();
    insta::assert_snapshot!(rig.lines.join("\n"));
}

#[test]
fn fast_jobs_are_claimed_ahead_in_growing_batches_and_slow_ones_are_not() {
    let sizes = |millis: u64| -> Vec<usize> {
        let mut rig = Rig::new(&[("default", 10)]);
        let (mut sizes, mut running) = (Vec::new(), Vec::new());
        while sizes.len() < 8 {
            rig.lines.clear();
            let mut commands = Vec::new();
            rig.machine.decide(rig.now, &mut commands);
            for command in commands {
                match command {
                    Command::Claim { queues, .. } => {
                        let max = queues[0].max;
                        sizes.push(max);
                        let jobs = (0..max).map(|_| rig.job("default", false)).collect();
                        rig.machine.claimed(
                            rig.now,
                            Claimed {
                                jobs,
                                ..Claimed::default()
                            },
                        );
                    }
                    Command::Finish(batch) => {
                        let answers = vec![Finished::Now(State::Succeeded); batch.len()];
                        rig.machine.finished(&answers);
                    }
                    Command::Run { runners, .. } => {
                        running.extend((0..runners).map(|_| None));
                    }
                    Command::Promote => rig.machine.promoted(rig.now, Promoted::default()),
                }
            }
            rig.pass(millis);
            for job in std::mem::take(&mut running) {
                rig.lines.clear();
                if let Some(next) = rig.end(0, job) {
                    running.push(Some(next));
                }
            }
        }
        sizes
    };
    insta::assert_debug_snapshot!(("1 ms", sizes(1), "100 ms", sizes(100)));
}

#[test]
fn what_was_claimed_ahead_of_slow_jobs_is_given_back() {
    let mut rig = Rig::new(&[("default", 1)]);
    rig.decide();
    rig.promoted(0, None);
    rig.claimed("default", 3);
    rig.take(0);
    assert_eq!(
        rig.machine.wake().monotonic,
        Some(Monotonic::ORIGIN + LOCAL_WAIT_MAX)
    );
    rig.pass(999);
    rig.decide();
    rig.pass(1);
    rig.decide();
    assert_eq!(rig.machine.waiting(), 0);
    insta::assert_snapshot!(rig.lines.join("\n"));
}

#[test]
fn a_store_that_fails_is_tried_again_with_the_same_work() {
    let mut rig = Rig::new(&[("default", 2)]);
    rig.decide();
    rig.promoted(0, None);
    rig.claimed("default", 2);
    let (a, b) = (rig.take(0), rig.take(0));
    rig.end(0, a);
    rig.decide();
    for _ in 0..3 {
        rig.note("<- the finish failed");
        rig.machine.finish_failed(rig.now);
        rig.decide();
        let at = rig.machine.wake().monotonic.expect("it is tried again");
        let rest = at.since(rig.now.monotonic);
        rig.pass(u64::try_from(rest.as_millis()).unwrap());
        rig.decide();
    }
    rig.end(0, b);
    rig.decide();
    rig.finished();
    rig.finished();
    rig.note("hint");
    rig.machine.hint();
    rig.decide();
    rig.note("<- the claim failed, the promotion failed");
    rig.machine.claim_failed(rig.now);
    rig.machine.promote_failed(rig.now);
    rig.decide();
    rig.pass(50);
    rig.decide();
    insta::assert_snapshot!(rig.lines.join("\n"));
}

#[test]
fn time_promotes_and_opens() {
    let mut rig = Rig::new(&[("default", 2)]);
    rig.decide();
    let due = wall_after(rig.now.wall, Duration::from_millis(70));
    rig.promoted(0, Some(due));
    rig.answer(Claimed {
        opens_at: Some(wall_after(rig.now.wall, Duration::from_millis(30))),
        ..Claimed::default()
    });
    assert_eq!(
        rig.machine.wake().wall,
        Some(wall_after(rig.now.wall, Duration::from_millis(30)))
    );
    rig.pass(30);
    rig.decide();
    rig.claimed("default", 0);
    assert_eq!(rig.machine.wake().wall, Some(due));
    rig.pass(40);
    rig.decide();
    rig.promoted(1, None);
    rig.claimed("default", 1);
    insta::assert_snapshot!(rig.lines.join("\n"));
}

#[test]
fn a_retry_is_due_by_itself() {
    let mut rig = Rig::new(&[("default", 1)]);
    rig.decide();
    rig.promoted(0, None);
    rig.claimed("default", 1);
    let job = rig.take(0).unwrap();
    let at = wall_after(rig.now.wall, Duration::from_secs(5));
    let verdict = Verdict::Retry {
        at,
        error: "no".into(),
    };
    let end = Finish::new(job.claim, verdict, None);
    rig.machine.next(rig.now, 0, Some(end));
    rig.decide();
    rig.finished();
    assert_eq!(rig.machine.wake().wall, Some(at));
}

#[test]
fn a_suspect_runs_alone() {
    let mut rig = Rig::new(&[("default", 2), ("mail", 2)]);
    rig.decide();
    rig.promoted(0, None);
    let (a, b) = (rig.job("default", false), rig.job("mail", false));
    rig.answer(Claimed {
        jobs: vec![a, b],
        solo_waits: true,
        ..Claimed::default()
    });
    let (a, b) = (rig.take(0), rig.take(1));
    rig.note("hint");
    rig.machine.hint();
    rig.decide();
    rig.promoted(0, None);
    rig.end(0, a);
    rig.decide();
    rig.finished();
    rig.end(1, b);
    rig.decide();
    rig.finished();
    let suspect = rig.job("mail", true);
    rig.answer(Claimed {
        jobs: vec![suspect],
        ..Claimed::default()
    });
    let adopted = rig.job("default", false);
    rig.note("one is adopted meanwhile");
    rig.machine.adopt(rig.now, 0, adopted);
    rig.decide();
    let suspect = rig.take(1);
    rig.end(1, suspect);
    rig.decide();
    let adopted = rig.take(0);
    rig.end(0, adopted);
    rig.decide();
    rig.finished();
    rig.finished();
    insta::assert_snapshot!(rig.lines.join("\n"));
}

#[test]
fn a_suspect_that_is_gone_does_not_stop_the_others_twice() {
    let mut rig = Rig::new(&[("default", 2)]);
    rig.decide();
    rig.promoted(0, None);
    for _ in 0..2 {
        rig.answer(Claimed {
            solo_waits: true,
            ..Claimed::default()
        });
    }
    rig.answer(Claimed {
        solo_waits: true,
        ..Claimed::default()
    });
    insta::assert_snapshot!(rig.lines.join("\n"));
}

#[test]
fn a_drain_gives_back_what_has_not_begun() {
    let mut rig = Rig::new(&[("default", 1)]);
    rig.decide();
    rig.promoted(0, None);
    rig.claimed("default", 3);
    let job = rig.take(0);
    rig.note("hint");
    rig.machine.hint();
    rig.note("drain");
    rig.machine.drain();
    rig.decide();
    rig.finished();
    assert!(!rig.machine.is_drained(), "one runs");
    rig.end(0, job);
    rig.decide();
    rig.finished();
    assert!(rig.machine.is_drained());
    insta::assert_snapshot!(rig.lines.join("\n"));
}

#[test]
fn a_claim_that_is_answered_during_the_drain_is_given_back() {
    let mut rig = Rig::new(&[("default", 1)]);
    rig.decide();
    rig.machine.drain();
    rig.decide();
    assert!(!rig.machine.is_drained(), "the claim is under way");
    rig.claimed("default", 1);
    rig.finished();
    assert!(rig.machine.is_drained());
}

#[test]
fn an_end_makes_room_where_all_processes_share_a_limit() {
    let kinds: Arc<[Arc<str>]> = Arc::from([Arc::from("work")]);
    let mut shared = QueueSettings::new(Arc::from("default"), kinds, 5);
    shared.limit = Some(1);
    shared.rate = Some(Rate::new(1, Duration::from_secs(1)));
    let mut rig = Rig::with(vec![shared]);
    let commands = rig.decide();
    assert!(commands.iter().any(|command| matches!(
        command,
        Command::Claim { queues, .. } if queues[0].limit == Some(1) && queues[0].rate.is_some()
    )));
    rig.promoted(0, None);
    rig.claimed("default", 1);
    let job = rig.take(0);
    rig.end(0, job);
    rig.decide();
    rig.finished();
    assert!(rig.lines.last().unwrap().starts_with("claim"));
}

#[test]
fn one_claim_asks_for_no_more_than_a_batch() {
    let mut rig = Rig::new(&[("a", 700), ("b", 700), ("c", 700)]);
    rig.decide();
    rig.claimed("a", 700);
    insta::assert_snapshot!(rig.lines.join("\n"));
}

#[test]
fn a_gated_end_lets_the_next_one_in() {
    let mut rig = Rig::new(&[("default", 5)]);
    rig.decide();
    rig.promoted(0, None);
    let mut gated = rig.job("default", false);
    gated.gated = true;
    rig.answer(Claimed {
        jobs: vec![gated],
        ..Claimed::default()
    });
    let job = rig.take(0);
    rig.end(0, job);
    rig.decide();
    rig.finished();
    let [.., promote, claim] = rig.lines.as_slice() else {
        panic!("{:?}", rig.lines);
    };
    assert_eq!(promote, "promote");
    assert!(claim.starts_with("claim default"));
}

#[test]
fn a_job_that_is_cancelled_before_it_begins_here_is_given_back() {
    let mut rig = Rig::new(&[("default", 1)]);
    rig.decide();
    rig.promoted(0, None);
    let jobs: Vec<_> = (0..3).map(|_| rig.job("default", false)).collect();
    let claims: Vec<_> = jobs.iter().map(|job| job.claim).collect();
    rig.answer(Claimed {
        jobs,
        ..Claimed::default()
    });
    assert!(rig.take(0).is_some());
    assert!(!rig.machine.give_up(&claims[0]), "it has begun");
    assert!(rig.machine.give_up(&claims[1]));
    rig.decide();
    assert_eq!(rig.lines.last().unwrap(), "finish 2 released");
    assert_eq!(rig.machine.waiting(), 1);
}
