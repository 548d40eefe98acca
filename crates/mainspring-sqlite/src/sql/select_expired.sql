SELECT seq FROM mainspring_job WHERE state = ?1 AND state IN (3, 4, 5) AND ended_at < ?2
ORDER BY ended_at LIMIT ?3
