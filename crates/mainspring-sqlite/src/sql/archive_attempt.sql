INSERT OR IGNORE INTO mainspring_attempt (
  seq, claim, attempt, session, claimed_at, ended_at, outcome, error
)
SELECT j.seq, j.claims, j.attempts + (j.outcome >= 16), j.session, j.claimed_at, j.ended_at,
  j.outcome, CASE WHEN j.outcome % 16 IN (2, 4, 5, 8) THEN d.error END
FROM mainspring_job j LEFT JOIN mainspring_detail d ON d.seq = j.seq
WHERE j.seq = ?1 AND j.outcome IS NOT NULL
