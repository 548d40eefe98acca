SELECT number, checksum FROM mainspring_migration ORDER BY number
