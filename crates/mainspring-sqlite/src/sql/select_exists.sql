SELECT 1 FROM mainspring_job WHERE id = ?1
