SELECT ord, seq FROM mainspring_job
WHERE lane = ?1 AND state = 1 AND barred = 0 AND (ord, seq) > (?2, ?3)
ORDER BY ord, seq LIMIT ?4
