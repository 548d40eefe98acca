UPDATE mainspring_job SET payload = ?2, version = ?3, checksum = ?4, meta = ?5 WHERE seq = ?1
