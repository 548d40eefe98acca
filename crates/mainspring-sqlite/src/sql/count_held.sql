SELECT count(*) FROM (SELECT 1 FROM mainspring_job WHERE pen = ?1 LIMIT ?2)
