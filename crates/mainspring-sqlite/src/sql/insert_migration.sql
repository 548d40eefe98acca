INSERT INTO mainspring_migration (number, checksum, applied_at) VALUES (?1, ?2, ?3)
