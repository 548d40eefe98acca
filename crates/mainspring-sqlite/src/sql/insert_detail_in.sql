INSERT INTO mainspring_detail (seq, unique_key, payload) VALUES (?1, ?2, ?3)
