SELECT queue FROM mainspring_queue WHERE paused ORDER BY queue
