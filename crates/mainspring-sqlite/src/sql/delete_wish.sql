DELETE FROM mainspring_wish WHERE seq = ?1
