SELECT count(*) FROM (
  SELECT 1 FROM mainspring_job WHERE gate = ?1 AND state = 1 AND (barred & 1) = 1 LIMIT ?2
)
