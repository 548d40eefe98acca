UPDATE mainspring_job SET state = 1 WHERE seq = ?1 AND state = 0
