SELECT seq, marks, gate, barred FROM mainspring_job WHERE id = ?1 AND state IN (0, 1)
