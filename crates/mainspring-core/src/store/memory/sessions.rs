//! Sessions: who works on the store, and what becomes of the jobs of those who do no more.

use std::sync::Arc;

use super::super::{Claim, Peer, PeerLock, RescueRules, Rescued, rules};
use super::tables::Tables;
use crate::error::Error;
use crate::job::{SessionId, State, Token, Verdict};
use crate::time::Timestamp;

/// What others see of a session.
#[derive(Clone, Debug)]
pub(super) struct SessionRow {
    pub(super) name: Arc<str>,
    pub(super) lock: PeerLock,
    pub(super) beat: u64,
}

impl Tables {
    pub(super) fn open_session(&mut self, session: SessionId, name: &str) {
        let row = SessionRow {
            name: Arc::from(name),
            lock: PeerLock::Held,
            beat: 1,
        };
        self.sessions.insert(session, row);
    }

    pub(super) fn check_session(&self, session: SessionId) -> Result<(), Error> {
        match self.sessions.contains_key(&session) {
            true => Ok(()),
            false => Err(rules::session_gone()),
        }
    }

    pub(super) fn peers(&self) -> Vec<Peer> {
        let peers = self.sessions.iter();
        let peers = peers
            .map(|(session, row)| Peer::new(*session, Arc::clone(&row.name), row.lock, row.beat));
        peers.collect()
    }

    pub(super) fn close_session(&mut self, now: Timestamp, session: SessionId) {
        self.give_back(now, session, |_| true);
        self.sessions.remove(&session);
    }

    /// Releases what a session runs under these claims.
    pub(super) fn give_back(
        &mut self,
        now: Timestamp,
        session: SessionId,
        under: impl Fn(Token) -> bool,
    ) {
        for row in self.owned_by(session) {
            let Some(it) = self.row(row) else { continue };
            if !it.token.is_some_and(&under) {
                continue;
            }
            if it.state == State::Running {
                let ending = rules::finish(&Verdict::Release, it.cancelling.as_deref());
                self.update(row, |it| {
                    it.end(now, &ending);
                    it.token = None;
                });
            }
            self.settle(now, row);
        }
    }

    pub(super) fn rescue(
        &mut self,
        now: Timestamp,
        dead: SessionId,
        rules: &RescueRules,
    ) -> Rescued {
        let mut rescued = Rescued::default();
        for row in self.owned_by(dead) {
            if self.row(row).is_some_and(|it| it.state == State::Running) {
                self.rescue_one(now, row, rules, &mut rescued);
            }
            self.settle(now, row);
        }
        self.sessions.remove(&dead);
        rescued
    }

    pub(super) fn cancelling(&self, session: SessionId) -> Vec<(Claim, Arc<str>)> {
        let rows = self
            .cancelling
            .range((session, i64::MIN)..=(session, i64::MAX));
        let claims = rows.filter_map(|(_, row)| {
            let it = self.row(*row)?;
            Some((it.claim(*row)?, it.cancelling.clone()?))
        });
        claims.collect()
    }

    fn rescue_one(&mut self, now: Timestamp, row: i64, rules: &RescueRules, rescued: &mut Rescued) {
        let Some(it) = self.row(row) else { return };
        let orphan = rules::Orphan {
            cancelling: it.cancelling.as_deref(),
            began: it.began,
            alone: it.alone,
            deaths: it.deaths,
            attempts: it.attempts,
            max_attempts: it.max_attempts,
        };
        let (ending, deaths, solo) = rules::rescue(&orphan, rules);
        let id = it.id;
        match ending.state {
            State::Quarantined => rescued.quarantined.push(id),
            State::Cancelled => rescued.cancelled.push(id),
            State::Failed => rescued.failed.push(id),
            _ => rescued.ready.push((id, deaths)),
        }
        self.update(row, |it| {
            it.end(now, &ending);
            it.token = None;
            it.deaths = deaths;
            it.solo = solo;
        });
    }

    fn owned_by(&self, session: SessionId) -> Vec<i64> {
        let rows = self.owned.get(&session);
        rows.map_or_else(Vec::new, |rows| rows.iter().copied().collect())
    }
}
