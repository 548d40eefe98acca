SELECT session, name FROM mainspring_session ORDER BY session
