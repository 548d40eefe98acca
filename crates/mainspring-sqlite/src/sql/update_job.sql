UPDATE mainspring_job SET state = ?2, barred = ?3, marks = ?4, ord = ?5, due = ?6,
  max_attempts = ?7, attempts = ?8, claims = ?9, deaths = ?10, gate = ?11, token = ?12,
  session = ?13, claimed_at = ?14, began_at = ?15, ended_at = ?16, outcome = ?17
WHERE seq = ?1
