"""Make the local stack's fixtures (real Kafka, Redis and mail) known to every test."""

pytest_plugins = ("tests.stack",)
