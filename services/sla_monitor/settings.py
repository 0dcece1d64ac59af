"""What the SLA monitor reads from its environment beyond what every service does."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from schemas.topics import TICKET_EVENTS, TICKET_NOTIFICATIONS
from services._runtime.settings import KafkaSettings, RuntimeSettings, outlives

_DAY_SECONDS: Final = 24 * 3_600
_HOUR_SECONDS: Final = 3_600


class PolicySettings(KafkaSettings):
    """Which policy tickets go by: what `what-if` needs of the monitor's settings, secrets not among it."""

    sla_policy: Annotated[str, Field(min_length=1)] = Field(
        default="cn-standard",
        description="Id of the policy of tickets that the conditions of no other one hold for: the directory's version "
        "in effect at the opening, else the product's own (cn-standard, cn-demo).",
    )


class SlaMonitorSettings(PolicySettings, RuntimeSettings):
    """Variables `AFTERCARE_<NAME>`. All processes of the monitor share the values that it decides by."""

    sla_shrink_after_seconds: Annotated[int, Field(ge=1)] = Field(
        default=2 * _DAY_SECONDS,
        description="How long after its end a ticket's verdicts can still be corrected by an event that comes late; "
        "then only its counts are kept.",
    )
    sla_forget_after_seconds: Annotated[int, outlives(TICKET_EVENTS, TICKET_NOTIFICATIONS)] = Field(
        default=TICKET_EVENTS.retention_hours * _HOUR_SECONDS,
        description="How long after its end a ticket is remembered at all: as long as its events can be read again.",
    )
    sla_window_seconds: Annotated[int, Field(ge=60, le=86_400)] = Field(
        default=900, description="Length of the sliding window of warnings, verdicts and budgets used in metrics."
    )
    timezone: str = Field(default="Asia/Shanghai", description="IANA time zone of the times on the SLA board.")
    sla_view_keep_days: Annotated[int, Field(ge=1, le=3_650)] = Field(
        default=90, description="How many days the clocks of an ended ticket can still be explained."
    )
    sla_view_late_rows: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=1_000, description="How many clocks that came late the SLA board keeps, for each tenant and pool."
    )
