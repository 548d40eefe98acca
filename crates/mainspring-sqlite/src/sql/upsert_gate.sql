INSERT INTO mainspring_gate (key, used, cap, rate_count, rate_per, tat)
VALUES (?1, 0, ?2, ?3, ?4, -9223372036854775808)
ON CONFLICT (key) DO UPDATE SET cap = excluded.cap, rate_count = excluded.rate_count,
  rate_per = excluded.rate_per
RETURNING gate
