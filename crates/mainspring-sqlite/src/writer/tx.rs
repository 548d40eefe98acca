//! What work sees of the transaction it runs in.

use std::collections::BTreeMap;
use std::sync::Arc;

use mainspring_core::job::{SessionId, Token};

use crate::fault::Done;
use crate::sql::{Sql, Statements};

/// The open transaction.
pub(crate) struct Tx<'t, 'c> {
    pub(crate) sql: &'t Statements<'c>,
    pub(crate) memory: &'t mut Memory,
}

/// What the writer remembers between transactions; all of it can be read again.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    lanes: Lanes,
    /// What the open transaction means for the rest of the memory, once it is committed.
    pub(crate) effects: Vec<Effect>,
    /// How many jobs of a claim have not been finished yet.
    open: BTreeMap<Token, usize>,
    /// Claims of which no job is left; their rows go with the next transaction.
    spent: Vec<Token>,
}

/// A change of the memory that waits for the commit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    Claimed(Token, usize),
    Ended(Token, usize),
}

/// A queue and a kind, by number.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) number: i64,
    pub(crate) queue: Arc<str>,
    pub(crate) kind: Arc<str>,
}

#[derive(Debug, Default)]
struct Lanes {
    by_name: BTreeMap<Arc<str>, BTreeMap<Arc<str>, i64>>,
    by_number: BTreeMap<i64, Lane>,
    /// The version of the database at which the whole table was read last.
    read_at: Option<i64>,
}

impl Tx<'_, '_> {
    /// The lane of a queue and a kind, made if there is none.
    pub(crate) fn lane(&mut self, queue: &str, kind: &str) -> Done<i64> {
        if let Some(number) = self.memory.lanes.number(queue, kind) {
            return Ok(number);
        }
        self.sql.execute(Sql::InsertLane, (queue, kind))?;
        self.read_lanes()?;
        self.memory
            .lanes
            .number(queue, kind)
            .ok_or_else(|| crate::fault::corrupt("the table of lanes"))
    }

    /// The lane of a queue and a kind, if any job ever had it.
    pub(crate) fn known_lane(&mut self, queue: &str, kind: &str) -> Done<Option<i64>> {
        let known = self.memory.lanes.number(queue, kind);
        if known.is_some() {
            return Ok(known);
        }
        // It may be in the table since somebody else has committed.
        let version = self.sql.row(Sql::SelectDataVersion, (), |row| row.get(0))?;
        if version != self.memory.lanes.read_at {
            self.read_lanes()?;
            self.memory.lanes.read_at = version;
        }
        Ok(self.memory.lanes.number(queue, kind))
    }

    /// The names of a lane.
    pub(crate) fn lane_names(&mut self, number: i64) -> Done<Lane> {
        if !self.memory.lanes.by_number.contains_key(&number) {
            self.read_lanes()?;
        }
        let lane = self.memory.lanes.by_number.get(&number).cloned();
        lane.ok_or_else(|| crate::fault::corrupt("the lane of a job"))
    }

    fn read_lanes(&mut self) -> Done<()> {
        let all = self.sql.rows(Sql::SelectLanes, (), |row| {
            Ok(Lane {
                number: row.get(0)?,
                queue: row.get(1)?,
                kind: row.get(2)?,
            })
        })?;
        self.memory.lanes.fill(all);
        Ok(())
    }

    pub(crate) fn keep_claim(
        &mut self,
        session: SessionId,
        token: Token,
        rows: &[i64],
    ) -> Done<()> {
        let rows_blob: Vec<u8> = rows.iter().flat_map(|row| row.to_be_bytes()).collect();
        let (token_bytes, session) = (token.to_bytes(), session.as_bytes());
        let params = (&token_bytes[..], &session[..], rows_blob);
        self.sql.execute(Sql::InsertClaim, params)?;
        self.memory.effects.push(Effect::Claimed(token, rows.len()));
        Ok(())
    }

    /// Removes the rows of claims of which nothing is left.
    pub(super) fn drop_spent(&mut self) -> Done<()> {
        for token in &self.memory.spent {
            self.sql
                .execute(Sql::DeleteClaim, (&token.to_bytes()[..],))?;
        }
        Ok(())
    }
}

impl Memory {
    /// A savepoint was taken back, and lanes with it.
    pub(super) fn forget_lanes(&mut self) {
        self.lanes = Lanes::default();
    }

    pub(super) fn committed(&mut self) {
        self.spent.clear();
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Claimed(token, jobs) => *self.open.entry(token).or_default() += jobs,
                Effect::Ended(token, jobs) => self.ended(token, jobs),
            }
        }
    }

    pub(super) fn rolled_back(&mut self) {
        self.effects.clear();
        self.lanes = Lanes::default();
    }

    fn ended(&mut self, token: Token, jobs: usize) {
        if let Some(open) = self.open.get_mut(&token) {
            *open = open.saturating_sub(jobs);
            if *open == 0 {
                self.open.remove(&token);
                self.spent.push(token);
            }
        }
    }
}

impl Lanes {
    fn number(&self, queue: &str, kind: &str) -> Option<i64> {
        self.by_name.get(queue)?.get(kind).copied()
    }

    fn fill(&mut self, all: Vec<Lane>) {
        for lane in all {
            let kinds = self.by_name.entry(Arc::clone(&lane.queue)).or_default();
            kinds.insert(Arc::clone(&lane.kind), lane.number);
            self.by_number.insert(lane.number, lane);
        }
    }
}
