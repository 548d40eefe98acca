DELETE FROM mainspring_unique WHERE (kind, key) IN (
  SELECT kind, key FROM mainspring_unique WHERE until IS NOT NULL AND until <= ?1
  ORDER BY until LIMIT ?2
)
