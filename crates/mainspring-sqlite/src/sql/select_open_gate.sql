SELECT gate FROM mainspring_gate WHERE opens_at IS NOT NULL AND opens_at <= ?1
ORDER BY opens_at LIMIT 1
