UPDATE mainspring_job SET state = ?2, pen = ?3, barred = ?4, marks = ?5, ord = ?6, due = ?7,
  level = ?8, max_attempts = ?9, attempts = ?10, claims = ?11, deaths = ?12, gate = ?13, token = ?14,
  session = ?15, claimed_at = ?16, began_at = ?17, ended_at = ?18, outcome = ?19
WHERE seq = ?1
