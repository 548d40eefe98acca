SELECT seq FROM mainspring_job WHERE gate = ?1 AND state = 1 AND (barred & 1) = 1
ORDER BY ord, seq LIMIT 1
