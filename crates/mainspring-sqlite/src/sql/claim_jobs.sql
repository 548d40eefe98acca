UPDATE mainspring_job SET state = 2, pen = NULL, token = ?3, session = ?4, claimed_at = ?5,
  began_at = ?5, claims = claims + 1, attempts = attempts + 1, marks = marks | ?6, ended_at = NULL,
  outcome = 0
WHERE seq BETWEEN ?1 AND ?2 AND state = 1
