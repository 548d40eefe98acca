INSERT INTO mainspring_job (
  id, lane, state, pen, barred, marks, ord, due, level, max_attempts, attempts, claims, deaths, gate,
  enqueued_at, version, checksum, meta, payload
) SELECT
  ?1, lane, ?4, ifnull(?17, lane * 4), ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, 0, ?11, ?12, ?13, ?14, ?15, ?16
FROM mainspring_lane WHERE queue = ?2 AND kind = ?3
ON CONFLICT (id) DO NOTHING
RETURNING seq
