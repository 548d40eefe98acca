DELETE FROM mainspring_attempt WHERE seq = ?1
