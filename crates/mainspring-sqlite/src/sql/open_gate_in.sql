UPDATE mainspring_gate SET opens_at = min(ifnull(opens_at, ?2), ?2) WHERE gate = ?1
