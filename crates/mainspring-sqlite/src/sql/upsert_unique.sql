INSERT INTO mainspring_unique (kind, key, id, until) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (kind, key) DO UPDATE SET id = excluded.id, until = excluded.until
  WHERE mainspring_unique.until <= ?5
