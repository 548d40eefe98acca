INSERT INTO mainspring_session (session, name, opened_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING
