DELETE FROM mainspring_detail WHERE seq = ?1
