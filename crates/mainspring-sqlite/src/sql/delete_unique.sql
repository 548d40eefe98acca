DELETE FROM mainspring_unique WHERE kind = ?1 AND key = ?2 AND id = ?3 AND until IS NULL
