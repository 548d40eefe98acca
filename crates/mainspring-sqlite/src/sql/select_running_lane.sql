SELECT lane FROM mainspring_job WHERE seq = ?1 AND token = ?2 AND state = 2
