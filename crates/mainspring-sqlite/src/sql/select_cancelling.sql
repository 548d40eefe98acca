SELECT j.seq, j.id, j.token, d.cancel
FROM mainspring_job j LEFT JOIN mainspring_detail d ON d.seq = j.seq
WHERE j.state = 2 AND (j.marks & 8) = 8 AND j.session = ?1 ORDER BY j.seq
