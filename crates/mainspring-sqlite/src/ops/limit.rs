//! Limits of a queue over all processes.

use mainspring_core::job::Rate;
use mainspring_core::store::{Claimed, QueueClaim};

use super::claim::Place;
use crate::fault::Done;
use crate::micros;
use crate::sql::Sql;
use crate::writer::Tx;

/// As many of these as the queue's limit and rate allow.
pub(crate) fn limited(
    tx: &mut Tx<'_, '_>,
    now: i64,
    queue: &QueueClaim,
    mut places: Vec<Place>,
    claimed: &mut Claimed,
) -> Done<Vec<Place>> {
    if places.is_empty() {
        return Ok(places);
    }
    if let Some(limit) = queue.limit {
        let taken = running(tx, &queue.queue)?;
        let taken = taken
            + claimed
                .jobs
                .iter()
                .filter(|job| job.queue == queue.queue)
                .count();
        let free = usize::try_from(limit)
            .unwrap_or(usize::MAX)
            .saturating_sub(taken);
        places.truncate(free);
    }
    match queue.rate {
        Some(rate) if !places.is_empty() => at_rate(tx, now, queue, rate, places, claimed),
        _ => Ok(places),
    }
}

fn at_rate(
    tx: &Tx<'_, '_>,
    now: i64,
    queue: &QueueClaim,
    rate: Rate,
    mut places: Vec<Place>,
    claimed: &mut Claimed,
) -> Done<Vec<Place>> {
    let found = tx
        .sql
        .row(Sql::SelectQueueTat, (&*queue.queue,), |row| row.get(0))?;
    let tat: Option<i64> = found.flatten();
    let wanted = u32::try_from(places.len()).unwrap_or(u32::MAX);
    let (taken, tat) = rate.take(tat.unwrap_or(i64::MIN), now, wanted);
    if taken > 0 {
        tx.sql.execute(Sql::UpsertQueueTat, (&*queue.queue, tat))?;
    }
    if taken < wanted {
        let opens = micros::instant(rate.opens_at(tat));
        claimed.opens_at = Some(claimed.opens_at.map_or(opens, |before| before.min(opens)));
    }
    places.truncate(usize::try_from(taken).unwrap_or(usize::MAX));
    Ok(places)
}

/// How many jobs of a queue run: those of all open claims, of which there are few, so that usual
/// jobs need no index of the running.
fn running(tx: &mut Tx<'_, '_>, queue: &str) -> Done<usize> {
    let claims = tx.sql.rows(Sql::SelectAllClaims, (), |row| {
        Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?))
    })?;
    let mut running = 0;
    for (token, rows) in claims {
        for bytes in rows.as_chunks::<8>().0 {
            let seq = i64::from_be_bytes(*bytes);
            let lane = tx
                .sql
                .row(Sql::SelectRunningLane, (seq, &token[..]), |row| row.get(0))?;
            if let Some(lane) = lane {
                running += usize::from(*tx.lane_names(lane)?.queue == *queue);
            }
        }
    }
    Ok(running)
}
