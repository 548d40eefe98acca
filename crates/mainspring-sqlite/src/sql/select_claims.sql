SELECT token, rows FROM mainspring_claim WHERE session = ?1 ORDER BY token
