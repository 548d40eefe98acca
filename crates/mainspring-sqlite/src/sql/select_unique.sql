SELECT id, until FROM mainspring_unique WHERE kind = ?1 AND key = ?2
