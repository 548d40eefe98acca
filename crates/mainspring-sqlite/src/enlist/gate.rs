//! Gates, inside the transaction: as the writer keeps them, in plain statements.

use mainspring_core::error::Error;
use mainspring_core::job::{AGE_STEP, Gate};
use mainspring_core::store::{SqlRow, SqlValue, rules};

use super::{Joined, corrupt, maybe, number, text};
use crate::micros;
use crate::ops::gate::Door;
use crate::ops::row::held_pen;
use crate::sql::Sql;

/// The number of a gate; its limits are those that were named last.
pub(super) async fn define<J: Joined>(tx: &mut J, gate: &Gate) -> Result<i64, Error> {
    let values = vec![
        text(&gate.key),
        SqlValue::Integer(gate.limit.get().into()),
        maybe(gate.rate.map(|rate| rate.count.get().into())),
        maybe(gate.rate.map(|rate| micros::span(rate.per))),
    ];
    let found = number(&tx.run(Sql::UpsertGate.text(), values).await?);
    found.ok_or_else(|| corrupt("the table of gates"))
}

/// Lets jobs through a gate.
pub(super) async fn admit<J: Joined>(tx: &mut J, now: i64, gate: i64) -> Result<(), Error> {
    let door = door(
        &tx.run(Sql::SelectGate.text(), vec![SqlValue::Integer(gate)])
            .await?,
    )?;
    let free = door.cap.saturating_sub(door.used);
    let pen = SqlValue::Integer(held_pen(gate));
    let values = vec![pen.clone(), SqlValue::Integer(free.into())];
    let held = number(&tx.run(Sql::CountHeld.text(), values).await?).unwrap_or(0);
    let held = u32::try_from(held).unwrap_or(u32::MAX);
    let let_in = rules::admit(door.cap, door.used, held, door.rate, door.tat, now);
    for _ in 0..let_in.jobs {
        let first = number(&tx.run(Sql::SelectHeld.text(), vec![pen.clone()]).await?);
        let Some(seq) = first else { break };
        let values = vec![
            SqlValue::Integer(seq),
            SqlValue::Integer(now),
            SqlValue::Integer(micros::span(AGE_STEP)),
        ];
        tx.run(Sql::AdmitJobIn.text(), values).await?;
    }
    let values = vec![
        SqlValue::Integer(gate),
        SqlValue::Integer(door.used.saturating_add(let_in.jobs).into()),
        SqlValue::Integer(let_in.tat),
        maybe(let_in.opens_at),
    ];
    tx.run(Sql::UpdateGate.text(), values).await.map(drop)
}

/// Gives a place back.
pub(super) async fn leave<J: Joined>(tx: &mut J, gate: i64) -> Result<(), Error> {
    let values = vec![SqlValue::Integer(gate), SqlValue::Integer(-1)];
    tx.run(Sql::UpdateGateUsed.text(), values).await.map(drop)
}

fn door(rows: &[SqlRow]) -> Result<Door, Error> {
    let column = |index: usize| rows.first().and_then(|row| row.get(index)?.as_integer());
    let count = |index| column(index).and_then(|number| u32::try_from(number).ok());
    let door = || {
        Some(Door {
            used: count(0)?,
            cap: count(1)?,
            rate: Door::rate(column(2), column(3)),
            tat: column(4)?,
            opens_at: column(5),
        })
    };
    door().ok_or_else(|| corrupt("the table of gates"))
}
