//! A job's row: everything that is known of it, and what follows from that for the indexes.

use std::sync::Arc;

use bytes::Bytes;

use super::super::{Claim, ClaimedJob, NewJob, rules};
use crate::job::{
    Attempt, Gate, JobId, JobRecord, Meta, Payload, Priority, Scope, SessionId, State, Token,
    Unique,
};
use crate::time::Timestamp;

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: JobId,
    pub(super) kind: Arc<str>,
    pub(super) queue: Arc<str>,
    pub(super) state: State,
    pub(super) priority: Priority,
    pub(super) enqueued_at: Timestamp,
    pub(super) due: Timestamp,
    /// Its place among the ready ones; means nothing in other states.
    pub(super) order: i64,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) scheduled_by: Option<(Arc<str>, Timestamp)>,
    pub(super) attempts: u32,
    pub(super) max_attempts: u32,
    pub(super) deaths: u32,
    pub(super) solo: bool,
    pub(super) gate: Option<Gate>,
    /// It waits behind its gate.
    pub(super) held: bool,
    /// It has a place in its gate.
    pub(super) place: bool,
    pub(super) unique: Option<Unique>,
    /// It has the unique key.
    pub(super) has_key: bool,
    pub(super) meta: Meta,
    pub(super) payload: Payload,
    pub(super) progress: Option<Bytes>,
    pub(super) cursor: Option<Bytes>,
    pub(super) output: Option<Bytes>,
    pub(super) error: Option<Arc<str>>,
    /// Why somebody wants it cancelled while it runs.
    pub(super) cancelling: Option<Arc<str>>,
    /// The session that runs it, or whose engine must still finish what a transaction completed.
    pub(super) owner: Option<SessionId>,
    /// The last claim's token, unless the claim was taken away.
    pub(super) token: Option<Token>,
    /// Its body runs.
    pub(super) began: bool,
    /// It was claimed to run alone.
    pub(super) alone: bool,
    /// How often it has been claimed.
    pub(super) claims: u32,
    /// The attempt of the last claim.
    pub(super) last: Option<Attempt>,
    /// Those before, oldest first.
    pub(super) past: Vec<Attempt>,
}

impl Row {
    pub(super) fn new(now: Timestamp, job: NewJob) -> Self {
        Self {
            id: job.id,
            kind: job.kind,
            queue: job.queue,
            state: State::Scheduled,
            priority: job.priority,
            enqueued_at: now,
            due: rules::due(job.due),
            order: 0,
            started_at: None,
            ended_at: None,
            scheduled_by: None,
            attempts: 0,
            max_attempts: job.max_attempts.max(1),
            deaths: 0,
            solo: false,
            gate: job.gate,
            held: false,
            place: false,
            unique: job.unique,
            has_key: false,
            meta: job.meta,
            payload: job.payload,
            progress: None,
            cursor: None,
            output: None,
            error: None,
            cancelling: None,
            owner: None,
            token: None,
            began: false,
            alone: false,
            claims: 0,
            last: None,
            past: Vec::new(),
        }
    }

    /// Whether its gate, if it has one, lets jobs in one by one as they were enqueued.
    pub(super) fn ordered(&self) -> bool {
        self.gate.as_ref().is_some_and(|gate| gate.ordered)
    }

    pub(super) fn scope(&self) -> Option<Scope> {
        self.unique.as_ref().map(|unique| unique.scope)
    }

    /// Begins an attempt; the one before joins the past.
    pub(super) fn start(&mut self, now: Timestamp, session: SessionId, token: Token, alone: bool) {
        if let Some(before) = self.last.take() {
            self.past.push(before);
            let most = usize::try_from(rules::HISTORY_MAX - 1).unwrap_or(usize::MAX);
            let over = self.past.len().saturating_sub(most);
            self.past.drain(..over);
        }
        self.claims = self.claims.saturating_add(1);
        self.attempts = self.attempts.saturating_add(1);
        self.last = Some(Attempt::running(self.claims, self.attempts, session, now));
        self.state = State::Running;
        self.started_at = Some(now);
        self.owner = Some(session);
        self.token = Some(token);
        self.began = false;
        self.alone = alone;
    }

    /// Ends the attempt that runs; whoever holds the claim may still ask how it ended.
    pub(super) fn end(&mut self, now: Timestamp, ending: &rules::Ending) {
        if ending.give_back {
            self.attempts = self.attempts.saturating_sub(1);
        }
        let failed = ending.error.clone();
        self.last = self
            .last
            .take()
            .map(|last| last.ended(now, ending.outcome, failed));
        self.state = ending.state;
        self.due = ending.due.unwrap_or(self.due);
        self.ended_at = ending.state.is_over().then_some(now);
        if ending.error.is_some() {
            self.error = ending.error.clone();
        }
        self.output = ending.output.clone();
        self.cancelling = None;
        self.began = false;
        self.alone = false;
    }

    pub(super) fn claim(&self, row: i64) -> Option<Claim> {
        self.token.map(|token| Claim {
            id: self.id,
            row,
            token,
        })
    }

    pub(super) fn claimed(&self, claim: Claim) -> ClaimedJob {
        ClaimedJob {
            claim,
            kind: Arc::clone(&self.kind),
            queue: Arc::clone(&self.queue),
            priority: self.priority,
            payload: self.payload.clone(),
            attempt: self.attempts,
            claims: self.claims,
            max_attempts: self.max_attempts,
            enqueued_at: self.enqueued_at,
            due: self.due,
            scheduled_by: self.scheduled_by.clone(),
            meta: self.meta.clone(),
            cursor: self.cursor.clone(),
            solo: self.alone,
            gated: self.gate.is_some(),
        }
    }

    pub(super) fn record(&self) -> JobRecord {
        let running = self.state == State::Running;
        let unique = self.unique.as_ref().filter(|_| self.has_key);
        JobRecord {
            id: self.id,
            kind: Arc::clone(&self.kind),
            queue: Arc::clone(&self.queue),
            state: self.state,
            priority: self.priority,
            enqueued_at: self.enqueued_at,
            due: self.due,
            started_at: self.started_at,
            ended_at: self.ended_at,
            scheduled_by: self.scheduled_by.clone(),
            claims: self.claims,
            attempts: self.attempts,
            max_attempts: self.max_attempts,
            deaths: self.deaths,
            session: self.owner.filter(|_| running),
            held: self.held,
            cancelling: self.cancelling.is_some(),
            gate: self.gate.as_ref().map(|gate| Arc::clone(&gate.key)),
            unique: unique.map(|unique| Arc::clone(&unique.key)),
            meta: self.meta.clone(),
            payload: self.payload.clone(),
            progress: self.progress.clone(),
            cursor: self.cursor.clone(),
            output: self.output.clone(),
            error: self.error.clone(),
        }
    }
}
