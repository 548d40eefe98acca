INSERT INTO mainspring_job (
  id, lane, state, pen, barred, marks, ord, due, level, max_attempts, attempts, claims, deaths, gate,
  token, session, enqueued_at, claimed_at, began_at, outcome, version, checksum, meta, payload
) VALUES (
  ?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, ?10, ?10, 0, ?11,
  ?12, ?13, ?14, ?15, ?15, ?16, ?17, ?18, ?19, ?20
) ON CONFLICT (id) DO NOTHING
