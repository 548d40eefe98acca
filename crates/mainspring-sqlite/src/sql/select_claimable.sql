SELECT id, lane, level, claims, attempts, max_attempts, enqueued_at, due, version, checksum, marks,
  payload, meta, deaths
FROM mainspring_job WHERE seq BETWEEN ?1 AND ?2 AND state = 1 ORDER BY seq
