UPDATE mainspring_job SET payload = ?2, version = ?3, checksum = ?4 WHERE seq = ?1
