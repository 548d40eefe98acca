SELECT a.claim, a.attempt, a.session, a.claimed_at, a.ended_at, a.outcome, a.error
FROM mainspring_attempt a JOIN mainspring_job j ON j.seq = a.seq WHERE j.id = ?1
UNION ALL
SELECT j.claims, j.attempts + (j.outcome >= 16), j.session, j.claimed_at, j.ended_at, j.outcome,
  CASE WHEN j.outcome % 16 IN (2, 4, 5, 8) THEN d.error END
FROM mainspring_job j LEFT JOIN mainspring_detail d ON d.seq = j.seq
WHERE j.id = ?1 AND j.outcome IS NOT NULL
ORDER BY 1
