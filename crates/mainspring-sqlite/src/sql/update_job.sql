UPDATE mainspring_job SET state = ?2, barred = ?3, marks = ?4, ord = ?5, due = ?6, level = ?7,
  max_attempts = ?8, attempts = ?9, claims = ?10, deaths = ?11, gate = ?12, token = ?13,
  session = ?14, claimed_at = ?15, began_at = ?16, ended_at = ?17, outcome = ?18
WHERE seq = ?1
