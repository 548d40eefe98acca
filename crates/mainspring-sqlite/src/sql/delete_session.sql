DELETE FROM mainspring_session WHERE session = ?1
