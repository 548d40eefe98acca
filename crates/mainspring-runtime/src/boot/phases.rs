//! The phases of the stop: each waits for its work to end, and names what a cut leaves behind.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, join, join_all, select};
use mainspring_core::activity::TaskKind;
use mainspring_core::lifecycle::{Event, Failure, PHASE_GRACE, Phase};
use mainspring_core::spawn::panic_message;

use super::Shell;
use crate::app::Message;
use crate::jobs::Engine;

/// How long a run may take to see that it is cancelled before it is dropped: half of what the phase
/// is given to end.
const CUT_GRACE: Duration = PHASE_GRACE.checked_div(2).expect("two is not zero");

pub(super) fn ended(phase: Phase, cut: Vec<String>) -> Event {
    Event::PhaseEnded {
        phase,
        cut,
        failure: None,
    }
}

impl Shell {
    pub(super) fn stop_http(&mut self) {
        let mut bound = std::mem::take(&mut self.bound);
        let cut = self.cut.clone();
        self.run_phase(Phase::Http, async move {
            let drained = {
                let drains = join_all(bound.iter_mut().map(|bound| bound.drain()));
                let cut = std::pin::pin!(cut.cancelled());
                matches!(select(drains, cut).await, Either::Left(_))
            };
            match drained {
                true => Vec::new(),
                false => bound.iter_mut().flat_map(|bound| bound.cut()).collect(),
            }
        });
    }

    pub(super) fn stop_follow_ups(&mut self) {
        let follow_ups = self.follow_ups.clone();
        let cut = self.cut.clone();
        self.run_phase(Phase::FollowUps, async move {
            let drained = std::pin::pin!(follow_ups.drained());
            let cut = std::pin::pin!(cut.cancelled());
            match select(drained, cut).await {
                Either::Left(_) => {
                    follow_ups.close();
                    Vec::new()
                }
                Either::Right(_) => follow_ups.cut(),
            }
        });
    }

    pub(super) fn stop_work(&mut self) {
        let (periodic, jobs) = (self.periodic.clone(), self.stores.engine());
        let cut = self.cut.clone();
        let clock = self.ctx.clock().clone();
        periodic.stop();
        if let Some(jobs) = &jobs {
            jobs.stop();
        }
        self.run_phase(Phase::Workers, async move {
            let drained = async || match &jobs {
                Some(jobs) => drop(join(periodic.drained(), jobs.drained()).await),
                None => periodic.drained().await,
            };
            let ended = {
                let drained = std::pin::pin!(drained());
                let cut = std::pin::pin!(cut.cancelled());
                matches!(select(drained, cut).await, Either::Left(_))
            };
            let mut names = Vec::new();
            if !ended {
                names = periodic.cancel();
                names.extend(jobs.iter().flat_map(Engine::cancel));
                let _ = clock.timeout(CUT_GRACE, drained()).await;
                periodic.cut();
            }
            if let Some(jobs) = &jobs {
                jobs.cut();
            }
            names
        });
    }

    pub(super) fn stop_health(&mut self) {
        let health = self.health.take();
        self.run_phase(Phase::Health, async move {
            if let Some(mut health) = health {
                health.close().await;
            }
            Vec::new()
        });
    }

    fn run_phase(&self, phase: Phase, work: impl Future<Output = Vec<String>> + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        let name = Arc::from(format!("phase {}", phase.as_str()));
        let work = async move {
            let event = match AssertUnwindSafe(work).catch_unwind().await {
                Ok(cut) => ended(phase, cut),
                Err(payload) => Event::PhaseEnded {
                    phase,
                    cut: Vec::new(),
                    failure: Some(Failure::panic(panic_message(&*payload))),
                },
            };
            shared.tell(Message::Event(event));
        };
        let spawner = &self.ctx.env().spawner;
        drop(spawner.spawn(self.ctx.scope(), TaskKind::Loop, &name, work));
    }
}
