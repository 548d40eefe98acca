UPDATE mainspring_gate SET used = used + 1
WHERE gate = ?1 AND used < cap AND rate_count IS NULL AND ?2 IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM mainspring_job j WHERE j.gate = ?1 AND j.state = 1 AND (j.barred & 1) = 1
)
RETURNING gate
