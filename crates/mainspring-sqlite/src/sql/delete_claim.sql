DELETE FROM mainspring_claim WHERE token = ?1
