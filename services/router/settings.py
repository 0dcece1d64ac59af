"""What the router reads from its environment beyond what every service does."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from schemas.topics import DEAD_LETTERS, ROUTING_WORK
from services._runtime.settings import KafkaSettings, RuntimeSettings, outlives
from services.router.domain.policy import Policy

_HOUR_SECONDS: Final = 3600


class RoutingSettings(KafkaSettings):
    """What decisions depend on: all that a replay needs of the router's settings, secrets not among it.

    Variables `AFTERCARE_ROUTER_<NAME>`. Factors rank technicians; all processes of a router share their values.

    They hold for pools whose directory entry states no routing policy of its own.
    """

    router_load_factor: Annotated[float, Field(ge=0.01, le=100)] = Field(
        default=1.0,
        description="How much the share of free capacity counts (0 to 1 before it is multiplied).",
    )
    router_continuity_factor: Annotated[float, Field(ge=0, le=100)] = Field(
        default=0.5,
        description="How much it counts to have worked on the ticket last: at 0.5 against a load factor of 1, the last "
        "technician wins unless they are fuller than the best by more than half a capacity.",
    )
    router_skill_match_factor: Annotated[float, Field(ge=0, le=100)] = Field(
        default=0.1,
        description="How much it counts to have no more skills and no higher level than the work needs.",
    )
    router_ended_offer_retention_seconds: Annotated[int, outlives(ROUTING_WORK)] = Field(
        default=max(ROUTING_WORK.retention_hours, DEAD_LETTERS["router"].retention_hours) * _HOUR_SECONDS,
        description="How long an ended offer's generation is remembered, so that an old offer that comes again does "
        "nothing, and a technician who left the roster, so that they don't come back as available. By default as long "
        "as the topic can be read again.",
    )

    @property
    def policy(self) -> Policy:
        """By what pools assign that state no policy."""
        return Policy(
            load_factor=self.router_load_factor,
            continuity_factor=self.router_continuity_factor,
            skill_match_factor=self.router_skill_match_factor,
        )


class RouterSettings(RoutingSettings, RuntimeSettings):
    """Variables `AFTERCARE_<NAME>`: the above, and what the router's edges need."""

    router_heartbeat_timeout_seconds: Annotated[int, Field(ge=5, le=3_600)] = Field(
        default=60,
        description="How long after their last sign of life (heartbeat) a technician counts as offline.",
    )
    router_replay_records_max: Annotated[int, Field(ge=1_000)] = Field(
        default=200_000,
        description="How many records of each of its two logs a request may have read to say why a ticket was assigned "
        "as it was; longer logs are read by the command (`python -m services.router why`).",
    )
    timezone: str = Field(default="Asia/Shanghai", description="IANA time zone of the times on the coordinator board.")
