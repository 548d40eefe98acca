//! The end of attempts, and what is written about them while they run.

use super::super::{Claim, Finish, Finished, Progress, rules};
use super::row::Row;
use super::tables::Tables;
use crate::error::Error;
use crate::job::{SessionId, State};
use crate::time::Timestamp;

impl Tables {
    pub(super) fn finish(&mut self, now: Timestamp, attempt: &Finish) -> Finished {
        let row = attempt.claim.row;
        let Some(it) = self.claimed_by(&attempt.claim) else {
            return Finished::Fenced;
        };
        let (state, owned) = (it.state, it.owner.is_some());
        if state != State::Running {
            if owned {
                self.settle(now, row);
            }
            return Finished::Already(state);
        }
        let state = self.end(now, attempt);
        self.settle(now, row);
        Finished::Now(state)
    }

    /// Writes the job's row alone; what it holds stays until its engine finishes it as well.
    pub(super) fn complete(&mut self, now: Timestamp, attempt: &Finish) -> Result<(), Error> {
        rules::check_complete(attempt)?;
        match self.claimed_by(&attempt.claim) {
            Some(it) if it.state == State::Running => {
                self.end(now, attempt);
                Ok(())
            }
            _ => Err(rules::fenced()),
        }
    }

    pub(super) fn save(&mut self, save: Progress) -> bool {
        let running = self.claimed_by(&save.claim);
        if running.is_none_or(|it| it.state != State::Running) {
            return false;
        }
        self.annotate(save.claim.row, |it| {
            it.progress = save.progress.or(it.progress.take());
            it.cursor = save.cursor.or(it.cursor.take());
        });
        true
    }

    pub(super) fn mark(&mut self, session: SessionId, claim: &Claim, running: bool) {
        let it = self.claimed_by(claim);
        let own = it.is_some_and(|it| it.state == State::Running && it.owner == Some(session));
        if own {
            self.annotate(claim.row, |it| it.began = running);
        }
    }

    fn end(&mut self, now: Timestamp, attempt: &Finish) -> State {
        let row = attempt.claim.row;
        let reason = self.row(row).and_then(|it| it.cancelling.clone());
        let ending = rules::finish(&attempt.verdict, reason.as_deref());
        self.update(row, |it| {
            it.started_at = attempt.started_at.map(rules::past).or(it.started_at);
            it.end(now, &ending);
        });
        ending.state
    }

    /// The row whose last claim this is.
    fn claimed_by(&self, claim: &Claim) -> Option<&Row> {
        let it = self.row(claim.row)?;
        (it.id == claim.id && it.token == Some(claim.token)).then_some(it)
    }
}
