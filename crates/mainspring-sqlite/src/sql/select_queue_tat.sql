SELECT tat FROM mainspring_queue WHERE queue = ?1
