UPDATE mainspring_job SET state = 1, pen = lane * 4 + (barred & 2), ord = due - level * ?2
WHERE seq = ?1 AND state = 0
