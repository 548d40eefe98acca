SELECT used, cap, ordered, rate_count, rate_per, tat FROM mainspring_gate WHERE gate = ?1
