UPDATE mainspring_job SET state = 2, pen = NULL, token = ?2, session = ?3, claimed_at = ?4,
  began_at = ?4, claims = claims + 1, attempts = attempts + 1, marks = marks | ?5, ended_at = NULL,
  outcome = 0
WHERE seq = ?1 AND state = 1
