"""Kafka as the edges and the operators meet it: client settings, gateway producer, followers, topics."""
