UPDATE mainspring_job SET state = 3, outcome = 1, began_at = ifnull(?3, began_at), ended_at = ?4,
  marks = (marks & ~72) | 256
WHERE seq = ?1 AND token = ?2 AND state = 2 AND id = ?5
RETURNING seq
