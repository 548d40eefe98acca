SELECT seq FROM mainspring_job WHERE pen = ?1 AND ord <= ?2 ORDER BY ord, seq LIMIT ?3
