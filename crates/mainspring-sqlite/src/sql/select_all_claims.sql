SELECT token, rows FROM mainspring_claim
