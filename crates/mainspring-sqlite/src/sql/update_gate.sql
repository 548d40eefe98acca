UPDATE mainspring_gate SET used = ?2, tat = ?3, opens_at = ?4 WHERE gate = ?1
