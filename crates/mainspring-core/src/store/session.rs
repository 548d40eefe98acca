//! Who else works on the store, and what is known of their lives.

use std::sync::Arc;

use crate::job::SessionId;

/// A session as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// Its id.
    pub session: SessionId,
    /// What it calls itself: the app's name.
    pub name: Arc<str>,
    /// Whether it holds the lock that ends with its process.
    pub lock: PeerLock,
    /// A number that grows while its process runs; nothing follows from its value.
    pub beat: u64,
}

impl Peer {
    /// A session as it looks now.
    pub fn new(session: SessionId, name: Arc<str>, lock: PeerLock, beat: u64) -> Self {
        Self {
            session,
            name,
            lock,
            beat,
        }
    }
}

/// What a session's lock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerLock {
    /// It is held: the process exists.
    Held,
    /// It is free, and the session was not closed: the process is dead.
    Free,
    /// It says nothing, on a store without such locks or right after a restart of it.
    Unknown,
}

/// How a rescue treats the jobs of a dead session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RescueRules {
    /// Whether the session's death may be the fault of what it ran: its process is gone, and was
    /// neither told to stop nor merely out of reach.
    pub blame: bool,
    /// From how many deaths on a job runs alone.
    pub solo_after: u32,
    /// From how many deaths on, the last of them alone, a job is quarantined; 0 turns this off, and
    /// running alone with it.
    pub max_deaths: u32,
}

impl RescueRules {
    /// How many processes a job may kill.
    pub const MAX_DEATHS: u32 = 3;
    /// After how many it runs alone.
    pub const SOLO_AFTER: u32 = 2;
}

impl Default for RescueRules {
    fn default() -> Self {
        Self {
            blame: true,
            solo_after: Self::SOLO_AFTER,
            max_deaths: Self::MAX_DEATHS,
        }
    }
}

impl RescueRules {
    /// What becomes of a job that was running when its process died: its deaths, whether it runs
    /// alone from now on, and whether it is quarantined.
    pub fn judge(&self, deaths: u32, began: bool, alone: bool) -> Judgement {
        if !began || !self.blame || self.max_deaths == 0 {
            return Judgement {
                deaths,
                solo: self.max_deaths != 0 && deaths >= self.solo_after,
                quarantine: false,
            };
        }
        let deaths = deaths.saturating_add(1);
        Judgement {
            deaths,
            solo: deaths >= self.solo_after,
            quarantine: alone && deaths >= self.max_deaths,
        }
    }
}

/// What a rescue makes of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judgement {
    /// How many processes have died while it ran.
    pub deaths: u32,
    /// Whether it runs alone from now on.
    pub solo: bool,
    /// Whether it is quarantined.
    pub quarantine: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pill_costs_three_processes_and_the_last_one_alone() {
        let rules = RescueRules::default();
        let first = rules.judge(0, true, false);
        assert_eq!(
            (first.deaths, first.solo, first.quarantine),
            (1, false, false)
        );
        let second = rules.judge(1, true, false);
        assert_eq!(
            (second.deaths, second.solo, second.quarantine),
            (2, true, false)
        );
        let third = rules.judge(2, true, true);
        assert_eq!((third.deaths, third.quarantine), (3, true));
        assert!(!rules.judge(2, true, false).quarantine, "it was not alone");
    }

    #[test]
    fn who_had_not_begun_or_is_not_to_blame_is_not_suspected() {
        let rules = RescueRules::default();
        assert_eq!(rules.judge(0, false, false).deaths, 0);
        let stalled = RescueRules {
            blame: false,
            ..rules
        };
        assert_eq!(stalled.judge(1, true, false).deaths, 1);
        let off = RescueRules {
            max_deaths: 0,
            ..rules
        };
        assert!(!off.judge(9, true, true).quarantine);
        assert!(!off.judge(9, true, true).solo);
    }
}
