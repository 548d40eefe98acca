UPDATE mainspring_job SET state = 3, pen = -3, ord = ?4, outcome = 1,
  began_at = ifnull(?3, began_at), ended_at = ?4
WHERE seq = ?1 AND token = ?2 AND state = 2 AND (marks & 77) = 0 AND id = ?5
