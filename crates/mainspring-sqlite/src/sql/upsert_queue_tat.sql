INSERT INTO mainspring_queue (queue, tat) VALUES (?1, ?2)
ON CONFLICT (queue) DO UPDATE SET tat = excluded.tat
