UPDATE mainspring_gate SET used = max(used - 1, 0), opens_at = min(ifnull(opens_at, ?2), ?2)
WHERE gate = ?1
