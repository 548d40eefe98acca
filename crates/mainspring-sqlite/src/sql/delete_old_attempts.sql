DELETE FROM mainspring_attempt WHERE seq = ?1 AND claim <= ?2
