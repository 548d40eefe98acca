UPDATE mainspring_job SET due = ?2, ord = ?2 - level * ?4, payload = ?5, version = ?6,
  checksum = ?7, marks = (marks & ~16) | ?8, state = CASE
    WHEN ?2 > ?3 AND gate IS NULL THEN 0
    WHEN ?2 > ?3 AND (marks & 1) = 0 THEN 0
    WHEN gate IS NULL THEN 1
    ELSE state
  END, barred = CASE WHEN ?2 > ?3 AND (marks & 1) = 0 THEN barred & ~1 ELSE barred END
WHERE id = ?1 AND state IN (0, 1)
RETURNING seq
