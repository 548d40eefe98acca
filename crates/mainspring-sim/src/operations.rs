//! Random operations on two stores, which must answer alike.
//!
//! Ids, keys and names come from small spaces, so that operations meet; answers are compared as
//! text, errors by their kind, claims by their job (where a row is kept is a store's own business).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use mainspring_core::error::Error;
use mainspring_core::job::{
    Gate, JobId, Payload, Priority, Rate, Scope, SessionId, State, Token, Unique, Verdict,
};
use mainspring_core::store::{
    Claim, ClaimRequest, Filter, Finish, Fire, NewJob, Operation, Page, Progress, QueueClaim,
    RescueRules, Retention, Store,
};
use mainspring_core::time::{Timestamp, wall_after};

use crate::conformance::{Fixture, Subject};

const KINDS: [&str; 2] = ["a", "b"];
const QUEUES: [&str; 2] = ["x", "y"];
const JOBS: u8 = 40;
const SESSIONS: u8 = 3;

/// After how many operations everything is listed: a listing costs as much as ten of them.
const LIST_EVERY: usize = 5;

/// Where two stores differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The seed that finds it again.
    pub seed: u64,
    /// The operations up to it, oldest first, with what the first store answered.
    pub log: Vec<String>,
    /// What the first store answered to the last.
    pub left: String,
    /// What the second one answered.
    pub right: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, after {} operations", self.seed, self.log.len())?;
        for line in &self.log {
            writeln!(f, "  {line}")?;
        }
        write!(f, "left:  {}\nright: {}", self.left, self.right)
    }
}

impl std::error::Error for Difference {}

/// Does `steps` random operations on a new store of each fixture, and reads what becomes of them.
///
/// # Errors
/// The first operation whose answers differ.
pub async fn differential(
    seed: u64,
    steps: usize,
    left: &dyn Fixture,
    right: &dyn Fixture,
) -> Result<(), Difference> {
    let mut twins = Twins {
        left: Side::new(left.open().await),
        right: Side::new(right.open().await),
        draw: Draw::new(seed),
    };
    let mut log = Vec::new();
    for number in 1..=SESSIONS {
        let step = Step::Open(SessionId::from_bytes([number; 16]));
        twins.apply(&step, seed, &mut log).await?;
    }
    for number in 1..=steps {
        let step = twins.draw.step();
        twins.apply(&step, seed, &mut log).await?;
        for step in [Step::Counts, Step::Get(twins.draw.id())] {
            twins.apply(&step, seed, &mut log).await?;
        }
        if number % LIST_EVERY == 0 || number == steps {
            twins.apply(&Step::List, seed, &mut log).await?;
        }
    }
    Ok(())
}

/// One operation, in words that both stores understand.
#[derive(Clone, Debug)]
enum Step {
    Open(SessionId),
    Close(SessionId),
    /// With whether all its bodies run when it dies.
    Rescue(SessionId, RescueRules, bool),
    Mark(usize, bool),
    Enqueue(Vec<NewJob>),
    EnqueueIn(Vec<NewJob>, bool),
    CompleteIn(usize, bool),
    Fire(Box<Fire>),
    Cursor(&'static str),
    Promote(usize),
    Claim(ClaimRequest),
    Finish(Vec<(usize, Verdict)>),
    Save(usize),
    Cancelling(SessionId),
    Prune(Retention, usize),
    Operate(JobId, Operation),
    Pause(&'static str, bool),
    Counts,
    List,
    Get(JobId),
}

struct Twins {
    left: Side,
    right: Side,
    draw: Draw,
}

/// One store, and the claims it has given: their number is their name in both.
struct Side {
    store: Arc<dyn Store>,
    subject: Box<dyn Subject>,
    claims: Vec<Claim>,
}

impl Twins {
    async fn apply(
        &mut self,
        step: &Step,
        seed: u64,
        log: &mut Vec<String>,
    ) -> Result<(), Difference> {
        let now = self.draw.now;
        let left = self.left.apply(now, step).await;
        let right = self.right.apply(now, step).await;
        let watched = matches!(step, Step::Counts | Step::List | Step::Get(_));
        if !watched || left != right {
            log.push(format!("{now} {step:?} → {left}"));
        }
        if left == right {
            self.draw.claims = self.left.claims.len();
            return Ok(());
        }
        Err(Difference {
            seed,
            log: std::mem::take(log),
            left,
            right,
        })
    }
}

impl Side {
    fn new(subject: Box<dyn Subject>) -> Self {
        Self {
            store: subject.store(),
            subject,
            claims: Vec::new(),
        }
    }

    async fn apply(&mut self, now: Timestamp, step: &Step) -> String {
        let store = Arc::clone(&self.store);
        match step.clone() {
            Step::Open(session) => text(store.open_session(now, session, "app").await),
            Step::Close(session) => text(store.close_session(now, session).await),
            Step::Rescue(session, rules, began) => self.rescue(now, session, rules, began).await,
            Step::Mark(claim, running) => {
                if let Some(session) = self.runner(claim).await {
                    self.mark(session, claim, running);
                }
                String::new()
            }
            Step::Enqueue(jobs) => {
                let mut answers = store.enqueue(now, jobs).await;
                for answer in answers.iter_mut().flatten() {
                    self.claims.extend(answer.claim.take());
                }
                text(answers)
            }
            Step::EnqueueIn(jobs, commit) => self.enqueue_in(now, jobs, commit).await,
            Step::CompleteIn(claim, commit) => self.complete_in(now, claim, commit).await,
            Step::Fire(fire) => text(store.fire(now, *fire).await),
            Step::Cursor(schedule) => text(store.schedule_cursor(now, schedule).await),
            Step::Promote(limit) => text(store.promote(now, limit).await),
            Step::Claim(request) => {
                let mut claimed = store.claim(now, request).await;
                for job in claimed.iter_mut().flat_map(|claimed| &mut claimed.jobs) {
                    self.claims.push(job.claim);
                    job.claim.row = 0;
                }
                text(claimed)
            }
            Step::Finish(ends) => {
                let ends = ends.into_iter();
                let ends = ends.filter_map(|(claim, verdict)| self.end(claim, verdict, now));
                text(store.finish(now, ends.collect()).await)
            }
            Step::Save(claim) => {
                let json = |json: &'static [u8]| Some(Bytes::from_static(json));
                let claim = self.claims.get(claim).copied();
                let saves = claim.map(|claim| Progress::new(claim, json(b"1"), json(b"2")));
                text(store.save(now, saves.into_iter().collect()).await)
            }
            Step::Cancelling(session) => self.cancelling(session).await,
            Step::Prune(keep, limit) => text(store.prune(now, keep, limit).await),
            Step::Operate(id, operation) => text(store.operate(now, id, operation).await),
            Step::Pause(queue, paused) => {
                let done = text(store.set_paused(now, queue, paused).await);
                done + &text(store.paused().await)
            }
            Step::Counts => text(store.counts().await),
            Step::List => text(store.list(Filter::default(), Page::default()).await),
            Step::Get(id) => text(store.history(id).await),
        }
    }

    /// Lets a session die, perhaps with all its bodies running, and opens it again.
    async fn rescue(
        &mut self,
        now: Timestamp,
        session: SessionId,
        rules: RescueRules,
        all_began: bool,
    ) -> String {
        for claim in 0..self.claims.len() {
            if all_began && self.runner(claim).await == Some(session) {
                self.mark(session, claim, true);
            }
        }
        let rescued = text(self.store.rescue(now, session, rules).await);
        rescued + &text(self.store.open_session(now, session, "app").await)
    }

    async fn cancelling(&self, session: SessionId) -> String {
        let mut wishes = self.store.cancelling(session).await;
        for (claim, _) in wishes.iter_mut().flatten() {
            claim.row = 0;
        }
        if let Ok(wishes) = &mut wishes {
            wishes.sort();
        }
        text(wishes)
    }

    /// The session that runs a job under this claim: only that one marks it.
    async fn runner(&self, claim: usize) -> Option<SessionId> {
        let claim = self.claims.get(claim)?;
        let newest = self.claims.iter().rev().find(|newer| newer.id == claim.id);
        if newest != Some(claim) {
            return None;
        }
        self.store.get(claim.id).await.ok()??.session
    }

    fn mark(&self, session: SessionId, claim: usize, running: bool) {
        if let Some(claim) = self.claims.get(claim) {
            self.store.mark(session, claim, running);
        }
    }

    async fn enqueue_in(&mut self, now: Timestamp, jobs: Vec<NewJob>, commit: bool) -> String {
        let mut tx = self.subject.begin().await;
        let answers = tx.enqueue(&*self.store, now, jobs).await;
        let commit = commit && answers.is_ok();
        let mut told = text(answers);
        if commit {
            told += &text(tx.commit().await);
        }
        told
    }

    async fn complete_in(&mut self, now: Timestamp, claim: usize, commit: bool) -> String {
        let Some(attempt) = self.end(claim, Verdict::Succeed { output: None }, now) else {
            return String::new();
        };
        let mut tx = self.subject.begin().await;
        let done = tx.complete(&*self.store, now, attempt).await;
        let commit = commit && done.is_ok();
        let mut told = text(done);
        if commit {
            told += &text(tx.commit().await);
        }
        told
    }

    fn end(&self, claim: usize, verdict: Verdict, now: Timestamp) -> Option<Finish> {
        let claim = *self.claims.get(claim)?;
        Some(Finish::new(claim, verdict, Some(now)))
    }
}

/// Draws operations; time goes on by itself.
struct Draw {
    rng: Rng,
    now: Timestamp,
    claims: usize,
    tokens: u64,
}

impl Draw {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            now: wall_after(Timestamp::UNIX_EPOCH, Duration::from_secs(1_767_225_600)),
            claims: 0,
            tokens: 0,
        }
    }

    fn step(&mut self) -> Step {
        self.now = wall_after(
            self.now,
            Duration::from_nanos(self.rng.u64(..2_000_000_000)),
        );
        match self.rng.u8(..100) {
            0..5 => Step::Open(self.session()),
            5..6 => Step::Close(self.session()),
            6..12 => Step::Rescue(self.session(), self.rules(), self.rng.bool()),
            12..17 => Step::Mark(self.claim(), self.rng.u8(..6) > 0),
            17..34 => Step::Enqueue(self.jobs()),
            34..38 => Step::EnqueueIn(self.plain_jobs(), self.rng.bool()),
            38..41 => Step::CompleteIn(self.claim(), self.rng.u8(..4) > 0),
            41..44 => Step::Fire(Box::new(self.fire())),
            44..45 => Step::Cursor(self.one_of(&["s", "t"])),
            45..52 => Step::Promote(self.rng.usize(..6)),
            52..70 => Step::Claim(self.request()),
            70..82 => Step::Finish(self.ends()),
            82..84 => Step::Save(self.claim()),
            84..86 => Step::Cancelling(self.session()),
            86..88 => Step::Prune(self.retention(), self.rng.usize(..4)),
            88..99 => Step::Operate(self.id(), self.operation()),
            _ => Step::Pause(self.one_of(&QUEUES), self.rng.bool()),
        }
    }

    fn id(&mut self) -> JobId {
        JobId::from_bytes([self.rng.u8(..JOBS); 16])
    }

    fn session(&mut self) -> SessionId {
        SessionId::from_bytes([self.rng.u8(1..=SESSIONS); 16])
    }

    fn token(&mut self) -> Token {
        self.tokens += 1;
        Token::from_bytes(u128::from(self.tokens).to_be_bytes())
    }

    /// The newest claims are the likeliest to be held still.
    fn claim(&mut self) -> usize {
        let back = self.rng.usize(..12);
        self.claims.saturating_sub(back + 1)
    }

    fn one_of(&mut self, all: &[&'static str]) -> &'static str {
        let index = self.rng.usize(..all.len().max(1));
        all.get(index).copied().unwrap_or_default()
    }

    fn millis(&mut self, most: u64) -> Duration {
        Duration::from_nanos(self.rng.u64(..=most * 1_000_000))
    }

    fn soon(&mut self) -> Timestamp {
        let ahead = self.millis(6_000);
        let now = self.now.checked_sub(Duration::from_secs(2));
        wall_after(now.unwrap_or(self.now), ahead)
    }

    fn rate(&mut self) -> Option<Rate> {
        let rated = self.rng.u8(..3) == 0;
        rated.then(|| Rate::new(self.rng.u32(1..4), Duration::from_secs(self.rng.u64(1..9))))
    }

    fn jobs(&mut self) -> Vec<NewJob> {
        let mut jobs = self.plain_jobs();
        if let Some(job) = jobs.first_mut().filter(|_| self.rng.u8(..6) == 0) {
            job.claim = Some((self.session(), self.token()));
        }
        jobs
    }

    fn plain_jobs(&mut self) -> Vec<NewJob> {
        (0..self.rng.usize(..4)).map(|_| self.job()).collect()
    }

    fn job(&mut self) -> NewJob {
        let json = Bytes::from(self.rng.u8(..).to_string());
        let payload = Payload::stored(json.clone(), 1, 7);
        let (id, due) = (self.id(), self.soon());
        let mut job = NewJob::new(id, self.one_of(&KINDS), due, payload);
        job.queue = Arc::from(self.one_of(&QUEUES));
        job.priority = Priority::from_level(self.rng.u8(..4));
        job.max_attempts = self.rng.u32(1..4);
        if self.rng.u8(..3) == 0 {
            job.unique = Some(self.unique());
        }
        if self.rng.u8(..2) == 0 {
            job.gate = Some(self.gate());
        }
        job
    }

    fn unique(&mut self) -> Unique {
        let unique = Unique::new(self.one_of(&["k", "l"])).within(match self.rng.u8(..3) {
            0 => Scope::UntilStarted,
            1 => Scope::UntilFinished,
            _ => Scope::For(self.millis(9_000)),
        });
        match self.rng.u8(..4) {
            0 => unique.or_error(),
            1 => unique.or_replace(),
            _ => unique,
        }
    }

    fn gate(&mut self) -> Gate {
        match self.rng.u8(..3) {
            0 => Gate::ordered("ordered"),
            1 => Gate::new("one", self.rng.u32(1..3)),
            _ => {
                let gate = Gate::new("rated", self.rng.u32(1..4));
                match self.rate() {
                    Some(rate) => gate.at_rate(rate),
                    None => gate,
                }
            }
        }
    }

    fn fire(&mut self) -> Fire {
        let job = (self.rng.u8(..4) > 0).then(|| self.job());
        Fire::new(Arc::from(self.one_of(&["s", "t"])), self.soon(), job)
    }

    fn request(&mut self) -> ClaimRequest {
        let kinds: Arc<[Arc<str>]> = match self.rng.u8(..4) {
            0 => [Arc::from("a")].into(),
            _ => KINDS.map(Arc::from).into(),
        };
        let mut queues = Vec::new();
        for name in QUEUES {
            let max = self.rng.usize(..4);
            let mut queue = QueueClaim::new(Arc::from(name), Arc::clone(&kinds), max);
            queue.rate = self.rate();
            queue.limit = (self.rng.u8(..3) == 0).then(|| self.rng.u32(..4));
            queues.push(queue);
        }
        let mut request = ClaimRequest::new(self.session(), self.token(), queues);
        request.solo = self.rng.u8(..3) == 0;
        request
    }

    fn ends(&mut self) -> Vec<(usize, Verdict)> {
        let count = self.rng.usize(..4);
        (0..count).map(|_| (self.claim(), self.verdict())).collect()
    }

    fn verdict(&mut self) -> Verdict {
        let text = String::from("because");
        match self.rng.u8(..8) {
            0 => Verdict::Fail { error: text },
            1 => Verdict::Cancel { reason: text },
            2 => Verdict::Release,
            3 => Verdict::Snooze { at: self.soon() },
            4 | 5 => Verdict::Retry {
                at: self.soon(),
                error: text,
            },
            _ => Verdict::Succeed {
                output: Some(Bytes::from_static(b"1")),
            },
        }
    }

    fn operation(&mut self) -> Operation {
        match self.rng.u8(..8) {
            0 | 1 => Operation::Cancel {
                reason: Arc::from("unwanted"),
            },
            2 | 3 => Operation::Retry,
            4 => Operation::Discard,
            5 => Operation::Free,
            _ => Operation::Reschedule { at: self.soon() },
        }
    }

    fn rules(&mut self) -> RescueRules {
        RescueRules {
            blame: self.rng.u8(..4) > 0,
            solo_after: 1,
            max_deaths: self.rng.u32(..4).min(1),
        }
    }

    fn retention(&mut self) -> Retention {
        Retention {
            succeeded: self.millis(9_000),
            failed: self.millis(9_000),
            cancelled: self.millis(9_000),
        }
    }
}

/// What a store answered, as it is compared.
fn text<T: fmt::Debug>(answer: Result<T, Error>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// The states that a sequence of operations has come to, for a test that wants to know what it
/// covers.
pub async fn coverage(seed: u64, steps: usize, fixture: &dyn Fixture) -> Vec<State> {
    let mut side = Side::new(fixture.open().await);
    let mut draw = Draw::new(seed);
    let mut seen = Vec::new();
    for number in 1..=SESSIONS {
        let step = Step::Open(SessionId::from_bytes([number; 16]));
        side.apply(draw.now, &step).await;
    }
    for _ in 0..steps {
        let step = draw.step();
        side.apply(draw.now, &step).await;
        draw.claims = side.claims.len();
        let counts = side.store.counts().await.unwrap_or_default();
        seen.extend(counts.iter().map(|count| count.state));
        seen.sort();
        seen.dedup();
    }
    seen
}
