INSERT INTO mainspring_detail (seq, output) VALUES (?1, ?2)
ON CONFLICT (seq) DO UPDATE SET output = excluded.output
