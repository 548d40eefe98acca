SELECT ord, seq FROM mainspring_job WHERE pen = ?1 ORDER BY ord, seq LIMIT 1
