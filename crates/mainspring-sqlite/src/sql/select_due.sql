SELECT seq, gate FROM mainspring_job WHERE state = 0 AND due <= ?1 ORDER BY due, seq LIMIT ?2
