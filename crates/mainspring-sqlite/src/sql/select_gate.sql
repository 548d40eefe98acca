SELECT used, cap, rate_count, rate_per, tat, opens_at FROM mainspring_gate WHERE gate = ?1
