UPDATE mainspring_detail SET payload = ?2 WHERE seq = ?1
