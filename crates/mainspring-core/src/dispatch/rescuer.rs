//! Which sessions are dead, judged by unbroken observation.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::job::SessionId;
use crate::store::{Peer, PeerLock};
use crate::time::Monotonic;

/// How often the sessions are looked at while there are others than one's own.
pub const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long a beat must stand still, seen by one judge without a break, before its session counts
/// as stalled: several times the longest pause of a healthy process.
pub const LEASE: Duration = Duration::from_secs(18);

/// The longest break between two looks. After a longer one the judge itself was away, as in a
/// suspended machine, and begins anew.
pub const LOOK_GAP_MAX: Duration = Duration::from_secs(6);

/// A session that is to be rescued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dead {
    /// Its id.
    pub session: SessionId,
    /// Whether what it ran may be the cause: its process is gone, not merely out of reach.
    pub blame: bool,
}

/// Judges the sessions of a store on one's own time, which must not stand still while the others'
/// passes; no wall clock takes part.
#[derive(Clone, Debug)]
pub struct Rescuer {
    own: SessionId,
    lease: Duration,
    looked: Option<Monotonic>,
    seen: BTreeMap<SessionId, Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    beat: u64,
    since: Monotonic,
}

impl Rescuer {
    /// A judge who never judges their own session.
    pub fn new(own: SessionId) -> Self {
        Self {
            own,
            lease: LEASE,
            looked: None,
            seen: BTreeMap::new(),
        }
    }

    /// The same judge with another lease than [`LEASE`], for tests that cannot wait for one.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Whose judge this is.
    pub fn own(&self) -> SessionId {
        self.own
    }

    /// Takes one look at all sessions and says which are dead. One whose rescue fails is named
    /// again at the next look.
    pub fn look(&mut self, now: Monotonic, peers: &[Peer]) -> Vec<Dead> {
        let unbroken = self.looked.is_some_and(|at| now.since(at) <= LOOK_GAP_MAX);
        self.looked = Some(now);
        let before = std::mem::take(&mut self.seen);
        let mut dead = Vec::new();
        for peer in peers.iter().filter(|peer| peer.session != self.own) {
            let known = before.get(&peer.session).filter(|_| unbroken);
            let known = known.filter(|seen| seen.beat == peer.beat);
            let seen = known.copied().unwrap_or(Seen {
                beat: peer.beat,
                since: now,
            });
            self.seen.insert(peer.session, seen);
            let blame = peer.lock == PeerLock::Free;
            if blame || now.since(seen.since) >= self.lease {
                let session = peer.session;
                dead.push(Dead { session, blame });
            }
        }
        dead
    }

    /// Whether there are other sessions, as far as the last look knows.
    pub fn has_peers(&self) -> bool {
        !self.seen.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const OWN: SessionId = SessionId::from_bytes([1; 16]);
    const OTHER: SessionId = SessionId::from_bytes([2; 16]);

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_origin(Duration::from_millis(millis))
    }

    fn peer(session: SessionId, lock: PeerLock, beat: u64) -> Peer {
        Peer::new(session, Arc::from("app"), lock, beat)
    }

    fn judge() -> (Rescuer, impl Fn(PeerLock, u64) -> Vec<Peer>) {
        let peers = |lock, beat| vec![peer(OWN, PeerLock::Free, 0), peer(OTHER, lock, beat)];
        (Rescuer::new(OWN), peers)
    }

    #[test]
    fn a_free_lock_is_a_death_at_once_and_its_jobs_are_blamed() {
        let (mut rescuer, peers) = judge();
        let dead = rescuer.look(at(0), &peers(PeerLock::Free, 7));
        let session = OTHER;
        let blame = true;
        assert_eq!(dead, [Dead { session, blame }]);
        assert!(rescuer.has_peers());
        assert!(
            rescuer
                .look(at(1), &[peer(OWN, PeerLock::Held, 1)])
                .is_empty()
        );
        assert!(!rescuer.has_peers());
    }

    #[test]
    fn a_beat_must_stand_still_for_a_whole_lease_of_unbroken_looks() {
        for lock in [PeerLock::Held, PeerLock::Unknown] {
            let (mut rescuer, peers) = judge();
            for look in 0..36 {
                let dead = rescuer.look(at(look * 500), &peers(lock, 7));
                assert!(dead.is_empty(), "after {look} looks");
            }
            let dead = rescuer.look(at(18_000), &peers(lock, 7));
            assert_eq!(dead.len(), 1);
            assert!(dead.iter().all(|dead| !dead.blame));
        }
    }

    #[test]
    fn a_beat_that_moves_begins_the_lease_anew() {
        let (mut rescuer, peers) = judge();
        for look in 0..200 {
            let dead = rescuer.look(at(look * 500), &peers(PeerLock::Held, look / 35));
            assert!(dead.is_empty(), "after {look} looks");
        }
    }

    #[test]
    fn a_judge_who_was_away_begins_anew() {
        let (mut rescuer, peers) = judge();
        let held = peers(PeerLock::Held, 7);
        assert!(rescuer.look(at(0), &held).is_empty());
        assert!(rescuer.look(at(6_000), &held).is_empty());
        assert!(
            rescuer.look(at(12_001), &held).is_empty(),
            "a break of 6.001 s"
        );
        for look in 1..36 {
            assert!(rescuer.look(at(12_001 + look * 500), &held).is_empty());
        }
        assert_eq!(rescuer.look(at(30_001), &held).len(), 1);
    }
}
