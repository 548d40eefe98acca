INSERT OR REPLACE INTO mainspring_wish (seq, session) VALUES (?1, ?2)
