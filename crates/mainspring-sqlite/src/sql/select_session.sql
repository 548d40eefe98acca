SELECT 1 FROM mainspring_session WHERE session = ?1
