"""What the notifier reads from its environment beyond what every service does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator

from schemas.topics import DEAD_LETTERS, NOTIFIER_OUTBOX, NOTIFIER_RESULTS, TICKET_EVENTS, TICKET_SLA
from schemas.vocabulary import Language
from services._runtime.settings import RuntimeSettings, outlives
from services.notifier.domain.addresses import mailbox
from services.notifier.domain.retry import Rule

_HOUR_SECONDS = 3_600
_DAY_SECONDS = 24 * _HOUR_SECONDS
DEAD_LETTER_HOURS = DEAD_LETTERS["notifier"].retention_hours


class NotifierSettings(RuntimeSettings):
    """`AFTERCARE_SMTP_*` and `AFTERCARE_MAIL_*` say how mail leaves, `AFTERCARE_NOTIFIER_*` what is told and kept.

    Raises:
        pydantic.ValidationError: at start, naming every variable that is out of bounds.
    """

    smtp_host: str = Field(default="127.0.0.1", min_length=1, description="Mail server that takes our mail.")
    smtp_port: Annotated[int, Field(ge=1, le=65_535)] = Field(default=25, description="Its port.")
    smtp_security: Literal["none", "starttls", "tls"] = Field(
        default="none",
        description="`starttls` begins in the clear and refuses to go on without TLS, `tls` has it from the start.",
    )
    smtp_username: str | None = Field(default=None, description="Log in under this name; None doesn't log in.")
    smtp_password: SecretStr | None = Field(default=None, description="Password of `smtp_username`.")
    mail_from: str = Field(
        default="support@localhost.localdomain",
        description="Support address: sender of all mail, and where bounces go. Message-IDs are made in its domain.",
    )
    mail_from_name: str = Field(default="Aftercare", max_length=100, description="Name shown beside the address.")
    mail_reply_to: str | None = Field(default=None, description="Where answers go; None means `mail_from`.")

    notifier_sends_concurrent_max: Annotated[int, Field(ge=1, le=200)] = Field(
        default=8, description="Mails under way at a time, each on a connection of its own."
    )
    notifier_queue_max: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=1_000, description="Attempts that wait for a connection or are under way; more are put off."
    )
    notifier_hand_over_seconds: Annotated[float, Field(ge=0, le=30)] = Field(
        default=2.0, description="How long the processor waits for room in the queue, for a whole batch."
    )
    notifier_send_timeout_seconds: Annotated[float, Field(ge=0.1, le=300)] = Field(
        default=30.0, description="Longest that one attempt may take, from connecting to the server's answer."
    )
    notifier_connection_idle_seconds: Annotated[float, Field(ge=0, le=300)] = Field(
        default=15.0, description="How long a connection is kept without work."
    )
    notifier_result_timeout_seconds: Annotated[float, Field(ge=0.5, le=3_600)] = Field(
        default=120.0,
        description="When an attempt without a result counts as silent. What is left of it after the send timeout is "
        "the time an attempt may wait for its turn, and its result for Kafka.",
    )
    notifier_retry_first_seconds: Annotated[float, Field(gt=0, le=3_600)] = Field(
        default=5.0, description="Wait after the first attempt that found no way; doubled each time."
    )
    notifier_retry_max_seconds: Annotated[float, Field(gt=0, le=_DAY_SECONDS)] = Field(
        default=900.0, description="Longest wait between attempts."
    )
    notifier_attempts_max: Annotated[int, Field(ge=1, le=1_000)] = Field(
        default=200, description="Attempts at a delivery, whatever came of them."
    )
    notifier_silent_attempts_max: Annotated[int, Field(ge=1, le=20)] = Field(
        default=3, description="Attempts without a result (same Message-ID each time) before a delivery is unknown."
    )

    notifier_audience_path: Path | None = Field(
        default=None, description="Rules of who is told; None means the ones in the package, `rules/audience.yaml`."
    )
    notifier_staff_language: Language = Field(
        default=Language.ZH_CN, description="Language for our people where the directory names none."
    )
    notifier_timezone: str = Field(default="Asia/Shanghai", description="Zone (IANA) of times written in messages.")
    notifier_stale_after_seconds: Annotated[int, Field(ge=60)] = Field(
        default=_DAY_SECONDS,
        description="Nobody is told of what happened longer ago: a topic read again from its beginning tells no one.",
    )
    notifier_progress_link_seconds: Annotated[int, Field(ge=60)] = Field(
        default=90 * _DAY_SECONDS, description="How long the progress link of a mail opens the page."
    )
    notifier_contact_kept_seconds: Annotated[int, Field(ge=0)] = Field(
        default=30 * _DAY_SECONDS,
        description="How long the contact of a closed ticket is kept, for its survey and in case it is reopened.",
    )
    notifier_ticket_kept_seconds: Annotated[int, outlives(TICKET_EVENTS, TICKET_SLA)] = Field(
        default=(TICKET_EVENTS.retention_hours + DEAD_LETTER_HOURS) * _HOUR_SECONDS,
        description="How long it is remembered that a closed ticket has been dealt with. By default until the last "
        "copy of its events, dead letters included, is gone.",
    )
    notifier_delivery_kept_seconds: Annotated[int, outlives(NOTIFIER_OUTBOX, NOTIFIER_RESULTS)] = Field(
        default=(max(NOTIFIER_OUTBOX.retention_hours, NOTIFIER_RESULTS.retention_hours) + DEAD_LETTER_HOURS)
        * _HOUR_SECONDS,
        description="How long it is remembered that a delivery ended, so that its request, coming again, does nothing.",
    )

    @field_validator("mail_from", "mail_reply_to")
    @classmethod
    def _is_mailbox(cls, value: str | None) -> str | None:
        if value is not None and mailbox(value) is None:
            raise ValueError("not an address that mail can be sent to")
        return value

    @field_validator("notifier_timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (OSError, LookupError, ValueError) as error:
            raise ValueError("not the name of a time zone") from error
        return value

    @model_validator(mode="after")
    def _attempts_end_before_they_count_as_silent(self) -> Self:
        if self.begin_within <= timedelta(0):
            raise ValueError("notifier_result_timeout_seconds must be more than notifier_send_timeout_seconds")
        if self.smtp_username is not None and self.smtp_password is None:
            raise ValueError("smtp_username needs an smtp_password")
        return self

    @property
    def reply_to(self) -> str:
        """Where answers go."""
        return self.mail_reply_to or self.mail_from

    @property
    def mail_domain(self) -> str:
        """The domain that Message-IDs are made in."""
        return self.mail_from.rpartition("@")[2]

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """Addresses that lead back to us: writing to them would open a loop."""
        return (self.mail_from, self.reply_to)

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times in messages."""
        return ZoneInfo(self.notifier_timezone)

    @property
    def begin_within(self) -> timedelta:
        """How long after its start an attempt may begin, so that its result is written before it counts as silent.

        Half of the time that sending leaves; the other half is for the result.
        """
        return timedelta(seconds=(self.notifier_result_timeout_seconds - self.notifier_send_timeout_seconds) / 2)

    @property
    def email_rule(self) -> Rule:
        """How mail is retried."""
        return Rule(
            first_delay_seconds=self.notifier_retry_first_seconds,
            delay_max_seconds=self.notifier_retry_max_seconds,
            silent_attempts_max=self.notifier_silent_attempts_max,
            attempts_max=self.notifier_attempts_max,
        )
