INSERT INTO mainspring_claim (token, session, rows) VALUES (?1, ?2, ?3)
