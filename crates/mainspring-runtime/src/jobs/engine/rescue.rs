//! The rescuer: gives back the jobs of dead processes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mainspring_core::activity::io;
use mainspring_core::dispatch::{Dead, LOOK_EVERY, Rescuer};
use mainspring_core::store::{RescueRules, Rescued};
use mainspring_core::telemetry::event;
use mainspring_core::time::Monotonic;

use super::Shared;
use super::unknown::Unknown;
use crate::io_time::{self, IoInstant};

impl Shared {
    /// Looks at the other sessions: at once, then often while there are any, and while there are
    /// none only when something has changed.
    pub(super) async fn rescue(self: Arc<Self>) {
        let began = IoInstant::now();
        let mut rescuer = Rescuer::new(self.session()).with_lease(self.lease);
        let mut changed = self.bound.changed.subscribe();
        let mut unknown = Unknown::new(&self);
        loop {
            changed.mark_unchanged();
            if rescuer.own() != self.session() {
                rescuer = Rescuer::new(self.session()).with_lease(self.lease);
            }
            let now = Monotonic::from_origin(began.elapsed());
            let seen = io(self.look_at_peers(&mut rescuer, now)).await;
            io(unknown.look()).await;
            // Real time: on virtual time a year may pass between two looks.
            io_time::pause(LOOK_EVERY).await;
            if seen && !rescuer.has_peers() && changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// One look; false if the store could not say who is there.
    async fn look_at_peers(&self, rescuer: &mut Rescuer, now: Monotonic) -> bool {
        let session = self.session();
        let peers = match self.bound.store.peers().await {
            Ok(peers) => peers,
            Err(error) => {
                self.failed("peers", &error);
                return false;
            }
        };
        if !peers.iter().any(|peer| peer.session == session) {
            // Even when it has nothing to claim: what it runs must hear that it is too late.
            self.rejoin(session).await;
        }
        for dead in rescuer.look(now, &peers) {
            self.rescue_one(dead).await;
        }
        true
    }

    async fn rescue_one(&self, dead: Dead) {
        let (now, session) = (self.bound.clock.now(), dead.session);
        let rules = RescueRules {
            blame: dead.blame,
            ..self.rules
        };
        match self.bound.store.rescue(now, session, rules).await {
            Ok(rescued) => {
                self.tell_rescued(dead, &rescued);
                self.bound.ring();
            }
            Err(error) => self.failed("rescue", &error),
        }
    }

    fn tell_rescued(&self, dead: Dead, rescued: &Rescued) {
        let Rescued {
            ready,
            quarantined,
            cancelled,
            failed,
            ..
        } = rescued;
        let jobs = ready.len() + quarantined.len() + cancelled.len() + failed.len();
        let (session, metrics) = (dead.session, self.metrics.jobs());
        let count = |jobs: usize| u64::try_from(jobs).unwrap_or(u64::MAX);
        metrics.rescued.fetch_add(count(jobs), Ordering::Relaxed);
        let quarantines = &metrics.quarantined;
        quarantines.fetch_add(count(quarantined.len()), Ordering::Relaxed);
        tracing::warn!(name: event::SESSION_RESCUED, %session, jobs, "a process is dead");
        for job in quarantined {
            tracing::error!(name: event::JOB_QUARANTINED, %job, "a job kills its process");
        }
    }
}
