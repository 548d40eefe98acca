DELETE FROM mainspring_unique WHERE until IS NOT NULL AND until <= ?1
