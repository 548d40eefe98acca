//! The loop that asks the dispatcher what to do, and its trips to the store.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::Poll;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mainspring_core::activity::io;
use mainspring_core::cause::{Cause, CauseKind};
use mainspring_core::dispatch::{Command, Wake};
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{SessionId, State, Token};
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::{
    BATCH_MAX, ClaimRequest, Claimed, Finish, Finished, Promoted, QueueClaim,
};
use mainspring_core::telemetry::event;
use tokio::sync::watch;

use super::{Shared, runner};
use crate::failure::with_sources;

/// What the store has answered.
enum Answer {
    Claimed(Tokens, Result<Claimed, Error>),
    Finished(Result<Vec<Finished>, Error>),
    Promoted(Result<Promoted, Error>),
}

/// The token of a claim, and those of earlier ones of which nobody knows whether they happened.
struct Tokens {
    token: Token,
    void: Vec<Token>,
}

/// How many claims of unknown outcome are remembered. What the oldest beyond that hold is given
/// back when the session ends.
const VOID_MAX: usize = BATCH_MAX;

type Trips = FuturesUnordered<BoxFuture<'static, Answer>>;

impl Shared {
    /// Runs until the drain is over.
    pub(super) async fn dispatch(self: Arc<Self>) {
        let mut changed = self.bound.changed.subscribe();
        let mut trips = Trips::new();
        // The claims of which nobody knows whether they happened: the next one gives back what they
        // hold.
        let mut void = Vec::new();
        let mut commands = Vec::new();
        loop {
            let (wake, drained) = {
                let mut machine = self.machine();
                machine.decide(self.moment(), &mut commands);
                (machine.wake(), machine.is_drained())
            };
            if drained {
                self.drained.send_replace(true);
                return;
            }
            for command in commands.drain(..) {
                match command {
                    Command::Run { queue, runners } => self.run(queue, runners),
                    Command::Claim { queues, solo } => {
                        let token = Token::new(&self.bound.random);
                        let void = std::mem::take(&mut void);
                        let tokens = Tokens { token, void };
                        trips.push(Box::pin(io(Arc::clone(&self).claim(queues, solo, tokens))));
                    }
                    Command::Finish(batch) => {
                        trips.push(Box::pin(io(Arc::clone(&self).finish(batch))));
                    }
                    Command::Promote => trips.push(Box::pin(io(Arc::clone(&self).promote()))),
                    _ => {}
                }
            }
            if let Some(answer) = self.next_answer(&mut trips, &mut changed, wake).await {
                self.answered(answer, &mut void);
            }
        }
    }

    /// Waits for an answer, or for any other reason to decide again.
    async fn next_answer(
        &self,
        trips: &mut Trips,
        changed: &mut watch::Receiver<u64>,
        wake: Wake,
    ) -> Option<Answer> {
        let clock = &self.bound.clock;
        let mut woken = pin!(self.wake.notified());
        let mut rung = pin!(changed.changed());
        let mut monotonic = pin!(wake.monotonic.map(|at| clock.sleep_until(at)));
        let mut wall = pin!(wake.wall.map(|at| clock.sleep_until_wall(at)));
        poll_fn(|cx| {
            if let Poll::Ready(Some(answer)) = trips.poll_next_unpin(cx) {
                return Poll::Ready(Some(answer));
            }
            if rung.as_mut().poll(cx).is_ready() {
                self.machine().hint();
                return Poll::Ready(None);
            }
            let slept = monotonic.as_mut().as_pin_mut();
            let slept = slept.is_some_and(|sleep| sleep.poll(cx).is_ready());
            let passed = wall.as_mut().as_pin_mut();
            let passed = passed.is_some_and(|sleep| sleep.poll(cx).is_ready());
            match woken.as_mut().poll(cx).is_ready() || slept || passed {
                true => Poll::Ready(None),
                false => Poll::Pending,
            }
        })
        .await
    }

    /// Feeds an answer to the dispatcher; notes the token of a claim whose outcome is unknown.
    fn answered(&self, answer: Answer, void: &mut Vec<Token>) {
        let now = self.moment();
        match answer {
            Answer::Claimed(_, Ok(claimed)) => self.machine().claimed(now, claimed),
            Answer::Claimed(tokens, Err(error)) => {
                self.machine().claim_failed(now);
                self.failed("claim", &error);
                *void = tokens.void;
                if error.kind() == ErrorKind::Unknown {
                    void.truncate(VOID_MAX - 1);
                    void.insert(0, tokens.token);
                }
            }
            Answer::Finished(Ok(answers)) => {
                let sent = self.machine().finished(&answers);
                self.tell_ends(&sent, &answers);
            }
            Answer::Finished(Err(error)) => {
                self.machine().finish_failed(now);
                self.failed("finish", &error);
            }
            Answer::Promoted(Ok(promoted)) => self.machine().promoted(now, promoted),
            Answer::Promoted(Err(error)) => {
                self.machine().promote_failed(now);
                self.failed("promote", &error);
            }
        }
    }

    async fn claim(self: Arc<Self>, queues: Vec<QueueClaim>, solo: bool, tokens: Tokens) -> Answer {
        let session = self.session();
        let mut request = ClaimRequest::new(session, tokens.token, queues);
        request.solo = solo;
        request.void = tokens.void.clone();
        let now = self.bound.clock.now();
        let claimed = self.bound.store.claim(now, request).await;
        if claimed.as_ref().is_err_and(Error::is_fenced) {
            self.rejoin(session).await;
        }
        Answer::Claimed(tokens, claimed)
    }

    /// Somebody took this process for dead, as after a long suspension: what it ran runs elsewhere.
    /// It begins anew under another session, unless it has done so already.
    pub(super) async fn rejoin(&self, lost: SessionId) {
        let _alone = self.rejoining.lock().await;
        if self.session() != lost {
            return;
        }
        self.machine().lose_waiting();
        for (_, ctx, _) in self.slots().all().iter().filter_map(|slot| slot.running()) {
            ctx.cancel(Cause::new(
                CauseKind::Replaced,
                "the job was given to another process, which took this one for dead",
            ));
        }
        let now = self.bound.clock.now();
        let session = SessionId::new(&self.bound.random, now);
        let name = &self.name;
        match self.bound.store.open_session(now, session, name).await {
            Ok(()) => {
                *self.session.write().unwrap_or_else(PoisonError::into_inner) = session;
                tracing::warn!(
                    name: event::SESSION_LOST, %session, "this process was taken for dead"
                );
                // What it holds outside of the database goes with it.
                if let Err(error) = self.bound.store.close_session(now, lost).await {
                    self.failed("close_session", &error);
                }
                self.bound.ring();
            }
            Err(error) => self.failed("open_session", &error),
        }
    }

    async fn finish(self: Arc<Self>, batch: Vec<Finish>) -> Answer {
        let now = self.bound.clock.now();
        Answer::Finished(self.bound.store.finish(now, batch).await)
    }

    async fn promote(self: Arc<Self>) -> Answer {
        let now = self.bound.clock.now();
        Answer::Promoted(self.bound.store.promote(now, BATCH_MAX).await)
    }

    /// Tells what came of ended attempts, as far as that was not known before.
    fn tell_ends(&self, sent: &[Finish], answers: &[Finished]) {
        let mut over = false;
        let mut untold = self.untold();
        for (finish, answer) in sent.iter().zip(answers) {
            let id = finish.claim.id;
            let told = match untold.is_empty() {
                true => None,
                false => untold.remove(&(id, finish.claim.token)),
            };
            match answer {
                Finished::Fenced => {
                    self.metrics.jobs().fenced.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(name: event::JOB_FENCED, job = %id, "an attempt ended too late");
                }
                Finished::Now(state) => {
                    over |= state.is_over();
                    if let Some(told) = told {
                        told.tell(&finish.verdict);
                    }
                }
                Finished::Already(state) => {
                    over |= state.is_over();
                    if let (Some(told), State::Succeeded) = (told, state) {
                        told.succeeded();
                    }
                }
            }
        }
        drop(untold);
        if over {
            self.pruner().ended(self.bound.clock.now());
            self.pruner_news.notify_one();
            self.bound
                .ended
                .send_modify(|ends| *ends = ends.wrapping_add(1));
        }
    }

    pub(super) fn failed(&self, call: &'static str, error: &Error) {
        let failures = &self.metrics.jobs().store_failures;
        failures.fetch_add(1, Ordering::Relaxed);
        let error = with_sources(error);
        tracing::warn!(name: event::STORE_FAILED, call, error, "the store failed");
    }

    fn run(self: &Arc<Self>, queue: usize, runners: usize) {
        for _ in 0..runners {
            runner::start(self, queue);
        }
    }
}
