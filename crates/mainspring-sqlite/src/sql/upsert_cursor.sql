INSERT INTO mainspring_schedule (schedule, cursor) VALUES (?1, ?2)
ON CONFLICT (schedule) DO UPDATE SET cursor = max(cursor, excluded.cursor)
