UPDATE mainspring_gate SET used = max(used + ?2, 0) WHERE gate = ?1
