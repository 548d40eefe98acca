SELECT 1 FROM mainspring_queue WHERE queue = ?1 AND paused
