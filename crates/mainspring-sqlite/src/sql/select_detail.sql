SELECT error, cancel, schedule, scheduled_for, unique_key, progress, cursor, output, payload
FROM mainspring_detail WHERE seq = ?1
