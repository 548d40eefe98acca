SELECT id FROM mainspring_store
