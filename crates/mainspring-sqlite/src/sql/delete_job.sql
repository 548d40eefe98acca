DELETE FROM mainspring_job WHERE seq = ?1
