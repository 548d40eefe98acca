SELECT j.seq, j.id, j.token, d.cancel
FROM mainspring_wish w JOIN mainspring_job j ON j.seq = w.seq
LEFT JOIN mainspring_detail d ON d.seq = j.seq
WHERE w.session = ?1 AND j.state = 2 AND j.session = w.session ORDER BY j.seq
