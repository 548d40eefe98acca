UPDATE mainspring_store SET id = randomblob(16)
