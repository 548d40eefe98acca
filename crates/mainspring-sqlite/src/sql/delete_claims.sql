DELETE FROM mainspring_claim WHERE session = ?1
