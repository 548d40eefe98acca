//! The store: every method of the contract, handed to the writer or to a reader.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mainspring_core::error::Error;
use mainspring_core::job::{Attempt, JobId, JobRecord, SessionId};
use mainspring_core::store::{
    BATCH_MAX, Claim, ClaimRequest, Claimed, Counts, Enlist, EnlistBlocking, Enqueued, Filter,
    Finish, Finished, Fire, Fired, Hint, NewJob, Operated, Operation, Page, Peer, PeerLock,
    Progress, Promoted, Reply, RescueRules, Rescued, Retention, Store, rules,
};
use mainspring_core::time::Timestamp;

use crate::enlist;
use crate::fault::Done;
use crate::file::Watched;
use crate::life::{self, Life};
use crate::micros;
use crate::ops::{claim, enqueue, finish, operate, promote, read, rescue, rest};
use crate::pending::Pending;
use crate::readers::Readers;
use crate::sql::Statements;
use crate::sweep::Stray;
use crate::writer::{Class, LOOK_EVERY, Request, Tx, Writer};
use mainspring_core::store::rules::closed;

/// Jobs in a SQLite database.
///
/// Made by [`SqliteSource`](crate::SqliteSource); see there.
pub struct SqliteStore {
    pub(crate) id: [u8; 16],
    pub(crate) file: Watched,
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
    pub(crate) lives: Mutex<BTreeMap<SessionId, Life>>,
    pub(crate) pending: Pending,
    pub(crate) weak: enlist::Weak,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("file", &self.file.path())
            .finish_non_exhaustive()
    }
}

/// Who waits for the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// The engine, as long as it takes.
    Engine,
    /// A person, or code on behalf of one.
    Person,
}

impl SqliteStore {
    fn write<T, F>(&self, caller: Caller, weight: usize, run: F) -> Reply<'static, T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_, '_>) -> Done<T> + Send + 'static,
    {
        let (mut request, answer) = Request::new(weight, run);
        if caller == Caller::Person {
            request.patient = false;
            request.guard = self.pending.guard();
        }
        self.writer.send(request);
        Box::pin(answer.wait())
    }

    fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Statements<'_>) -> Done<T> + Send + 'static,
    ) -> Reply<'_, T> {
        Box::pin(async move {
            if self.writer.is_closing() {
                return Err(closed());
            }
            self.file.check()?;
            self.readers.read(run).await
        })
    }

    /// Removes what dead processes have left beside the database; what fails is left for the next.
    async fn sweep(&self) {
        let known = || self.read(read::session_ids);
        let Ok(before) = known().await else { return };
        let stray = Stray::find(self.file.path(), &before);
        if stray.is_empty() {
            return;
        }
        if let Ok(after) = known().await {
            stray.remove(&after);
        }
    }

    /// Lets go of a session as the end of its process would, for tests of what others do then.
    pub fn forsake(&self, session: SessionId) {
        let life = self.lives().remove(&session);
        drop(life);
    }

    fn lives(&self) -> std::sync::MutexGuard<'_, BTreeMap<SessionId, Life>> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn id(&self) -> [u8; 16] {
        self.id
    }

    fn hint_delay(&self) -> Duration {
        LOOK_EVERY
    }

    fn on_hint(&self, hint: Hint) {
        self.writer.shared().on_hint(hint);
    }

    fn look(&self) -> Reply<'_, bool> {
        Box::pin(self.writer.look())
    }

    fn open_session(&self, now: Timestamp, session: SessionId, name: &str) -> Reply<'_, ()> {
        let name = name.to_owned();
        Box::pin(async move {
            let shared = Arc::clone(self.writer.shared());
            let known = self.lives().contains_key(&session);
            if !known {
                self.sweep().await;
                let life = Life::begin(self.file.path(), session, move || shared.hint())?;
                self.lives().insert(session, life);
            }
            let now = micros::floor(now);
            self.write(Caller::Engine, 1, move |tx| {
                rest::open_session(tx, now, session, &name)
            })
            .await
        })
    }

    fn close_session(&self, now: Timestamp, session: SessionId) -> Reply<'_, ()> {
        Box::pin(async move {
            let now = micros::floor(now);
            self.write(Caller::Engine, 1, move |tx| rescue::close(tx, now, session))
                .await?;
            let life = self.lives().remove(&session);
            if let Some(life) = life {
                life.end();
            }
            Ok(())
        })
    }

    fn peers(&self) -> Reply<'_, Vec<Peer>> {
        Box::pin(async move {
            let path = self.file.path().to_owned();
            let own: BTreeMap<SessionId, u64> = self
                .lives()
                .iter()
                .map(|(session, life)| (*session, life.beat()))
                .collect();
            let peers = self
                .read(move |sql| {
                    let all = read::sessions(sql)?;
                    Ok(all
                        .into_iter()
                        .map(|(session, name)| {
                            let (lock, beat) = match own.get(&session) {
                                Some(beat) => (PeerLock::Held, *beat),
                                None => life::observe(&path, session),
                            };
                            Peer::new(session, name, lock, beat)
                        })
                        .collect::<Vec<_>>())
                })
                .await?;
            let lives = self.lives();
            let others = peers.len() > lives.len();
            lives.values().for_each(|life| life.others(others));
            drop(lives);
            Ok(peers)
        })
    }

    fn rescue(&self, now: Timestamp, dead: SessionId, rules: RescueRules) -> Reply<'_, Rescued> {
        Box::pin(async move {
            let path = self.file.path().to_owned();
            let began = {
                let path = path.clone();
                self.read(move |_| Ok(life::began(&path, dead))).await?
            };
            let now = micros::floor(now);
            let rescued = self
                .write(Caller::Engine, 1, move |tx| {
                    rescue::rescue(tx, now, dead, rules, &began)
                })
                .await?;
            self.forsake(dead);
            self.read(move |_| {
                life::forget(&path, dead);
                Ok(())
            })
            .await?;
            Ok(rescued)
        })
    }

    fn mark(&self, session: SessionId, claim: &Claim, running: bool) {
        if let Some(life) = self.lives().get(&session) {
            life.mark(claim.row, claim.token, running);
        }
    }

    fn mark_next(&self, session: SessionId, ended: &Claim, begins: &Claim) {
        if let Some(life) = self.lives().get(&session) {
            life.mark_next((ended.row, ended.token), (begins.row, begins.token));
        }
    }

    fn enqueue(&self, now: Timestamp, jobs: Vec<NewJob>) -> Reply<'_, Vec<Enqueued>> {
        let now = micros::floor(now);
        self.write(Caller::Person, jobs.len(), move |tx| {
            enqueue::enqueue(tx, now, &jobs)
        })
    }

    fn enqueue_in<'a>(
        &'a self,
        tx: &'a mut dyn Enlist,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Reply<'a, Vec<Enqueued>> {
        Box::pin(async move {
            rules::check_new(&jobs)?;
            enlist::enqueue(self, &mut enlist::Async(tx), micros::floor(now), &jobs).await
        })
    }

    fn enqueue_in_blocking(
        &self,
        tx: &mut dyn EnlistBlocking,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Result<Vec<Enqueued>, Error> {
        rules::check_new(&jobs)?;
        let mut tx = enlist::Blocking(tx);
        enlist::at_once(enlist::enqueue(self, &mut tx, micros::floor(now), &jobs))
    }

    fn fire(&self, now: Timestamp, fire: Fire) -> Reply<'_, Fired> {
        let now = micros::floor(now);
        self.write(Caller::Engine, 3, move |tx| rest::fire(tx, now, &fire))
    }

    fn schedule_cursor(&self, now: Timestamp, schedule: &str) -> Reply<'_, Timestamp> {
        let (now, schedule) = (micros::floor(now), schedule.to_owned());
        self.write(Caller::Engine, 1, move |tx| {
            let cursor = rest::cursor(tx, now, &schedule, true)?;
            Ok(micros::instant(cursor.unwrap_or(now)))
        })
    }

    fn promote(&self, now: Timestamp, limit: usize) -> Reply<'_, Promoted> {
        let now = micros::floor(now);
        self.write(Caller::Engine, limit.min(BATCH_MAX), move |tx| {
            promote::promote(tx, now, limit)
        })
    }

    fn claim(&self, now: Timestamp, request: ClaimRequest) -> Reply<'_, Claimed> {
        let now = micros::floor(now);
        let weight = request.queues.iter().map(|queue| queue.max).sum();
        let (mut request, answer) = Request::new(weight, move |tx: &mut Tx<'_, '_>| {
            claim::claim(tx, now, &request)
        });
        request.class = Class::Light;
        request.loud = false;
        self.writer.send(request);
        Box::pin(answer.wait())
    }

    fn finish(&self, now: Timestamp, attempts: Vec<Finish>) -> Reply<'_, Vec<Finished>> {
        let now = micros::floor(now);
        self.write(Caller::Engine, attempts.len(), move |tx| {
            finish::finish(tx, now, &attempts)
        })
    }

    fn complete_in<'a>(
        &'a self,
        tx: &'a mut dyn Enlist,
        now: Timestamp,
        attempt: Finish,
    ) -> Reply<'a, ()> {
        Box::pin(async move {
            enlist::complete(self, &mut enlist::Async(tx), micros::floor(now), &attempt).await
        })
    }

    fn complete_in_blocking(
        &self,
        tx: &mut dyn EnlistBlocking,
        now: Timestamp,
        attempt: Finish,
    ) -> Result<(), Error> {
        let mut tx = enlist::Blocking(tx);
        enlist::at_once(enlist::complete(
            self,
            &mut tx,
            micros::floor(now),
            &attempt,
        ))
    }

    fn save(&self, _: Timestamp, saves: Vec<Progress>) -> Reply<'_, Vec<bool>> {
        self.write(Caller::Engine, saves.len(), move |tx| {
            rest::save(tx, &saves)
        })
    }

    fn cancelling(&self, session: SessionId) -> Reply<'_, Vec<(Claim, Arc<str>)>> {
        self.read(move |sql| read::cancelling(sql, session))
    }

    fn prune(&self, now: Timestamp, keep: Retention, limit: usize) -> Reply<'_, usize> {
        let now = micros::floor(now);
        self.write(Caller::Engine, limit.min(BATCH_MAX), move |tx| {
            rest::prune(tx, now, &keep, limit)
        })
    }

    fn operate(&self, now: Timestamp, id: JobId, operation: Operation) -> Reply<'_, Operated> {
        let now = micros::floor(now);
        self.write(Caller::Person, 1, move |tx| {
            operate::operate(tx, now, id, &operation)
        })
    }

    fn set_paused(&self, _: Timestamp, queue: &str, paused: bool) -> Reply<'_, ()> {
        let queue = queue.to_owned();
        self.write(Caller::Person, 1, move |tx| {
            rest::set_paused(tx, &queue, paused)
        })
    }

    fn paused(&self) -> Reply<'_, Vec<Arc<str>>> {
        self.read(read::paused)
    }

    fn get(&self, id: JobId) -> Reply<'_, Option<JobRecord>> {
        self.read(move |sql| read::record(sql, id))
    }

    fn get_many(&self, ids: Vec<JobId>) -> Reply<'_, Vec<Option<JobRecord>>> {
        self.read(move |sql| {
            rules::check_batch(ids.len())?;
            ids.iter().map(|id| read::record(sql, *id)).collect()
        })
    }

    fn history(&self, id: JobId) -> Reply<'_, Vec<Attempt>> {
        self.read(move |sql| read::history(sql, id))
    }

    fn list(&self, filter: Filter, page: Page) -> Reply<'_, Vec<JobRecord>> {
        self.read(move |sql| read::list(sql, &filter, page))
    }

    fn counts(&self) -> Reply<'_, Counts> {
        self.read(read::counts)
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async move {
            self.writer.stop().await;
            self.readers.stop();
            self.lives().clear();
            Ok(())
        })
    }
}
