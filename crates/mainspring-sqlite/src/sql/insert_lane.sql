INSERT INTO mainspring_lane (queue, kind) VALUES (?1, ?2) ON CONFLICT DO NOTHING
