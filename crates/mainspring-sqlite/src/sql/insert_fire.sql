INSERT INTO mainspring_fire (schedule, scheduled_for, id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING
