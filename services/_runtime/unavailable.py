"""What a part that we depend on raises when it does not answer in time: the caller may try again."""

RETRY_AFTER_SECONDS = 2


class Unavailable(Exception):  # noqa: N818 - a state, not a mistake
    """A backing service did not answer in time. `retry_after_seconds` is a hint for HTTP's Retry-After."""

    part = "backing service"

    def __init__(self, reason: str, *, retry_after_seconds: int = RETRY_AFTER_SECONDS) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class KafkaUnavailable(Unavailable):
    """Kafka did not confirm in time. The record may or may not be written; sending it again is safe, ids are stable."""

    part = "Kafka"


class RedisUnavailable(Unavailable):
    """Redis did not answer in time. Nothing is lost: what it holds can be rebuilt."""

    part = "Redis"
