INSERT OR REPLACE INTO mainspring_detail (
  seq, error, cancel, schedule, scheduled_for, unique_key, progress, cursor, output, payload
) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
