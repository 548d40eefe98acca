INSERT INTO mainspring_gate (key, used, cap, ordered, rate_count, rate_per)
VALUES (?1, 0, ?2, ?3, ?4, ?5)
ON CONFLICT (key) DO UPDATE SET cap = excluded.cap, ordered = excluded.ordered,
  rate_count = excluded.rate_count, rate_per = excluded.rate_per
RETURNING gate
