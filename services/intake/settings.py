"""What intake reads from its environment beyond what every service does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr

from schemas.topics import TICKET_ASSIGNMENTS, TICKET_COMMANDS, TICKET_EVENTS, TICKET_FEEDBACK, TICKET_SLA
from services._runtime.settings import RuntimeSettings, outlives

_HOUR_SECONDS: Final = 3_600.0
_DAY_SECONDS: Final = 24 * _HOUR_SECONDS

Seconds = Annotated[float, Field(ge=0)]
WorkWeight = Annotated[int, Field(ge=1, le=100)]


class IntakeSettings(RuntimeSettings):
    """Variables `AFTERCARE_<NAME>`. All processes of intake share the values that the ledger decides by."""

    # ── normaliser and ledger ──

    rules_file: Path | None = Field(
        default=None,
        description="YAML file with the normaliser's rules (issue types, priorities, routes, threading, redaction); "
        "the product's own where none is named.",
    )
    accept_within_seconds: Seconds = Field(
        default=1_800.0,
        description="An assignment that nobody accepts for so long goes to someone else; 0 leaves it.",
    )
    close_after_seconds: Seconds = Field(
        default=3 * _DAY_SECONDS,
        description="A resolved ticket closes by itself after this time, unless the customer objects.",
    )
    reopen_within_seconds: Seconds = Field(
        default=14 * _DAY_SECONDS,
        description="How long after its closing a ticket can be reopened; until then its state is kept whole.",
    )
    forget_after_seconds: Annotated[
        float, outlives(TICKET_COMMANDS, TICKET_ASSIGNMENTS, TICKET_SLA, TICKET_FEEDBACK)
    ] = Field(
        default=TICKET_EVENTS.retention_hours * _HOUR_SECONDS,
        description="How long the last sequence of a ticket is kept that is over for good. As long as its events are: "
        "an answer that comes after months is numbered after them, no id is used twice, and old input does nothing.",
    )
    work_weights: dict[str, WorkWeight] = Field(
        default={"P0": 4, "P1": 2},
        description="Units of a technician's capacity that a ticket takes, by priority (JSON); 1 where none is given.",
    )

    # ── HTTP gateway and progress page ──

    idempotency_keep_seconds: Annotated[int, Field(ge=60)] = Field(
        default=2 * 86_400,
        description="How long the answer to a call is kept under its Idempotency-Key (or external_id).",
    )
    progress_link_days: Annotated[int, Field(ge=1, le=3_650)] = Field(
        default=180, description="How many days the link to a progress page works, from the receipt of the request."
    )
    timezone: str = Field(default="Asia/Shanghai", description="IANA time zone of the times on progress pages.")

    # ── mail gateway ──

    imap_host: str = Field(default="", description="IMAP server of the support mailbox; empty reads no mail.")
    imap_port: Annotated[int, Field(ge=1, le=65_535)] = Field(default=993, description="Its port.")
    imap_security: Literal["auto", "tls", "starttls", "none"] = Field(
        default="auto",
        description="How the connection is protected; auto is TLS on port 993, elsewhere STARTTLS where it is offered.",
    )
    imap_user: str = Field(default="", description="Who logs in; for most servers the mailbox's address.")
    imap_password: SecretStr = Field(default=SecretStr(""), description="Password of that user.")
    imap_folder: str = Field(default="INBOX", min_length=1, description="Folder that is read.")
    imap_rejected_folder: str = Field(
        default="rejected", min_length=1, description="Folder that mail goes to which can't be made a request of."
    )
    imap_poll_seconds: Annotated[float, Field(ge=0.1, le=3_600)] = Field(
        default=10.0, description="Seconds between two looks into the mailbox."
    )
    mail_from: str = Field(default="", description="Address that our own mail comes from: mail from it opens nothing.")
    mail_tenant: str = Field(
        default="default", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Tenant that the mailbox belongs to."
    )

    # ── read model and thread index ──

    view_keep_days: Annotated[int, Field(ge=1, le=3_650)] = Field(
        default=90, description="How many days an ended ticket stays in the read model."
    )
    view_timeline_entries: Annotated[int, Field(ge=10, le=10_000)] = Field(
        default=200, description="How many of a ticket's latest events the read model keeps."
    )
    view_ended_tickets: Annotated[int, Field(ge=100)] = Field(
        default=10_000, description="How many ended tickets a tenant's lists hold, for each status."
    )
    thread_keep_days: Annotated[int, Field(ge=1, le=3_650)] = Field(
        default=180, description="How many days a message can be found again by an answer to it."
    )
