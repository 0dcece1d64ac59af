"""Runs a topology on Kafka, exactly once: membership, restore, fencing, transactions, redrive of dead letters."""
