SELECT ord, seq FROM mainspring_job
WHERE lane = ?1 AND state = 1 AND barred = 2 ORDER BY ord, seq LIMIT 1
