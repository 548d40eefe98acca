SELECT ord, seq FROM mainspring_job WHERE pen = ?1 AND (ord, seq) > (?2, ?3)
ORDER BY ord, seq LIMIT ?4
