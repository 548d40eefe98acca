CREATE TABLE IF NOT EXISTS mainspring_migration (
  number INTEGER PRIMARY KEY,
  checksum INTEGER NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT
