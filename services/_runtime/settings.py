"""What every service reads from its environment. A service extends `RuntimeSettings` in its own `settings.py`."""

import tempfile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.topic_settings import DEFAULT_PARTITIONS, DEFAULT_REPLICATION
from schemas.topics import Topic

LogLevel = Literal["debug", "info", "warning", "error"]
SECRET_BYTES_MIN = 32
"""HS256 wants a key at least as long as its digest (RFC 7518, section 3.2)."""
_HOUR_SECONDS = 3_600


def outlives(*inputs: Topic) -> AfterValidator:
    """Return a check on a number of seconds for which something that is over is remembered.

    It refuses less than the inputs can be read again: records that come a second time would then be taken for new.
    """
    longest = max(inputs, key=lambda topic: topic.retention_hours)
    kept_seconds = longest.retention_hours * _HOUR_SECONDS

    def check(seconds: float) -> float:
        if seconds < kept_seconds:
            message = (
                f"{seconds:g} s are shorter than {longest.name} keeps its records, {kept_seconds} s: what is read "
            )
            raise ValueError(message + "again would be taken for new")
        return seconds

    return AfterValidator(check)


class KafkaSettings(BaseSettings):
    """Where Kafka is and how its topics are made: all that an operator's tools need, secrets not among it.

    Raises:
        pydantic.ValidationError: naming every variable that is out of bounds.
    """

    model_config = SettingsConfigDict(env_prefix="AFTERCARE_", extra="ignore", frozen=True)

    kafka_bootstrap: str = Field(
        default="127.0.0.1:9092",
        min_length=1,
        description="Kafka brokers to ask first, `host:port` separated by commas.",
    )
    partitions: Annotated[int, Field(ge=1, le=1_000)] = Field(
        default=DEFAULT_PARTITIONS,
        description="Partitions of every keyed topic. Fixed once topics exist: keyed state lives by it.",
    )
    replication: Annotated[int, Field(ge=1, le=10)] = Field(
        default=DEFAULT_REPLICATION,
        description="Copies of each topic. 1 only where a single broker runs.",
    )


class RuntimeSettings(KafkaSettings):
    """Environment variables `AFTERCARE_<NAME>`, each declared here with its meaning and unit.

    Raises:
        pydantic.ValidationError: at start, naming every variable that is missing or out of bounds.
    """

    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0",
        description="Redis for what can be rebuilt: read model, thread index, idempotency keys, rate limits.",
    )
    secret: SecretStr = Field(
        min_length=SECRET_BYTES_MIN,
        description="Key that signs access tokens and links (HS256). The same for all services; no default on purpose.",
    )
    http_host: str = Field(default="127.0.0.1", description="Address the service's web server listens on.")
    http_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        default=0,
        description="Port of the web server; 0 takes a free one and logs it.",
    )
    instance: str = Field(
        default="0",
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="The slot of this process, a StatefulSet's ordinal. Stable over restarts and never shared by two "
        "running processes: transactional ids are made from it.",
    )
    state_writes: Literal["current", "previous"] = Field(
        default="current",
        description="The version in which processors write their state: `previous` while a release that knows only "
        "the version before may still run or come back, see docs/adr/0008.",
    )
    parked_keys_max: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="How many keys of a partition may wait for redrive before the processor halts; None means the "
        "processor's own bound (1,000). Raised for as long as it takes to redrive what is parked.",
    )
    public_url: str = Field(
        default="http://127.0.0.1:8080",
        description="Where customers reach progress pages; links in messages start with it. No slash at the end.",
    )
    survey_url: str = Field(
        default="http://127.0.0.1:8085",
        description="Where customers reach surveys; links in messages start with it. No slash at the end.",
    )
    log_level: LogLevel = Field(default="info", description="Least severe level that is logged.")
    data_dir: Path = Field(
        default_factory=lambda: Path(tempfile.gettempdir()) / "aftercare",
        description="Scratch folder. Nothing in it outlives its process in meaning; state is in Kafka.",
    )
