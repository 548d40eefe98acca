SELECT seq, gate FROM mainspring_job WHERE pen = 0 AND ord <= ?1 ORDER BY ord, seq LIMIT ?2
