SELECT j.seq, j.id, l.queue, l.kind, j.state, j.marks, j.due, j.level, j.max_attempts, j.attempts,
  j.claims, j.enqueued_at, j.claimed_at, j.began_at, j.ended_at, j.deaths, j.version, j.checksum,
  j.meta, j.payload, (SELECT g.key FROM mainspring_gate g WHERE g.gate = j.gate),
  (
    SELECT u.key FROM mainspring_detail d JOIN mainspring_unique u
      ON u.kind = l.kind AND u.key = d.unique_key AND u.id = j.id
    WHERE d.seq = j.seq
  ), j.barred, j.session
FROM mainspring_job j JOIN mainspring_lane l ON l.lane = j.lane WHERE j.id = ?1
