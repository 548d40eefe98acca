SELECT seq, id, lane, state, barred, marks, ord, due, level, max_attempts, attempts, claims, deaths,
  gate, token, session, claimed_at, began_at, ended_at, outcome
FROM mainspring_job WHERE id = ?1
