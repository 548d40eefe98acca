SELECT min(at) FROM (
  SELECT * FROM (SELECT ord AS at FROM mainspring_job WHERE pen = 0 ORDER BY ord, seq LIMIT 1)
  UNION ALL
  SELECT * FROM (
    SELECT opens_at AS at FROM mainspring_gate WHERE opens_at IS NOT NULL ORDER BY opens_at LIMIT 1
  )
)
