"""Mail by SMTP: how a message is written, and one connection that sends one after the other.

Plain text in UTF-8, encoded so that a 7-bit server carries it. Every copy of a delivery has the same Message-ID, Date
and text, so that a mail sent twice shows as one. All mails of a ticket refer to one root, which no mail has: readers
gather them in one thread whichever of them they got.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from email.headerregistry import Address, HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Any, Final

import aiosmtplib

from schemas.notifications import Outcome
from services._runtime.clock import Clock
from services._runtime.mail_reference import message_id
from services.notifier.domain.deliveries import Attempt, Report
from services.notifier.settings import NotifierSettings

THREAD: Final = "thread"
"""Stands for the delivery in the reference that all mails of a ticket share."""

DELIVERY_HEADER: Final = "X-Aftercare-Delivery"
"""Names delivery and attempt, so that a bounce, which quotes the headers, can be told apart and reported."""


class _Headers(HeaderRegistry):
    """The library's registry makes a class for each header of each mail, an eighth of what the notifier spends."""

    def __init__(self) -> None:
        super().__init__()
        self._classes: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        made = self._classes.get(name)
        if made is None:
            made = self._classes[name] = super().__getitem__(name)
        return made


_HEADERS: Final = _Headers()
for _name in ("in-reply-to", "references"):
    # Taken for a text, a long id would be folded into encoded words, by which no mail program finds the thread.
    _HEADERS.map_to_type(_name, MessageIDHeader)  # type: ignore[arg-type]  # a mixin, as all that the registry maps
_POLICY: Final = SMTP_POLICY.clone(cte_type="7bit", header_factory=_HEADERS)
_ENHANCED_CODE: Final = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_CODE_SHUTTING_DOWN: Final = 421
_CODES_OF_OUR_LOGIN: Final = frozenset({530, 534, 535})
"""Permanent, but of the connection and not of the mail: they end when somebody mends the settings."""
_PERMANENT: Final = 500


def client_for(settings: NotifierSettings) -> aiosmtplib.SMTP:
    """Return a client of the settings' server that is not connected yet."""
    password = settings.smtp_password
    return aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_username,
        password=password.get_secret_value() if password is not None else None,
        # Asking the machine for its name may ask a name server, and tells more than others need.
        local_hostname=settings.mail_domain,
        # Longest wait for one answer; the sender bounds the whole attempt.
        timeout=settings.notifier_send_timeout_seconds,
        use_tls=settings.smtp_security == "tls",
        start_tls=settings.smtp_security == "starttls",
    )


def compose(attempt: Attempt, settings: NotifierSettings) -> bytes:
    """Return the mail, the same for every attempt at a delivery but for the number in `X-Aftercare-Delivery`.

    Raises:
        ValueError: an address or a header can't be written.
    """
    secret, domain = settings.secret.get_secret_value(), settings.mail_domain
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address(settings.mail_from_name, addr_spec=settings.mail_from)
    mail["To"] = Address(addr_spec=attempt.address)
    mail["Reply-To"] = Address(addr_spec=settings.reply_to)
    mail["Subject"] = attempt.subject
    mail["Date"] = format_datetime(attempt.requested_at)
    if attempt.bundled:
        mail["Message-ID"] = f"<{attempt.delivery_id}@{domain}>"
    else:
        mail["Message-ID"] = message_id(secret, attempt.ticket_id, attempt.delivery_id, domain)
        mail["In-Reply-To"] = mail["References"] = message_id(secret, attempt.ticket_id, THREAD, domain)
    mail["Auto-Submitted"] = "auto-generated"
    # Exchange asks with this header whether to answer "out of office", whatever Auto-Submitted says.
    mail["X-Auto-Response-Suppress"] = "All"
    mail[DELIVERY_HEADER] = f"{attempt.delivery_id}; attempt={attempt.number}"
    mail.set_content(attempt.body, charset="utf-8")
    mail["Content-Language"] = attempt.language  # after the content, which throws away headers of its kind
    return mail.as_bytes()


class Mailer:
    """One connection to the server, opened when needed and kept for the next mail. Not for two tasks at a time."""

    def __init__(
        self,
        settings: NotifierSettings,
        clock: Clock,
        new_client: Callable[[NotifierSettings], aiosmtplib.SMTP] = client_for,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._new_client = new_client
        self._client: aiosmtplib.SMTP | None = None
        self._used_at_seconds = 0.0
        self._stage = ""

    async def send(self, attempt: Attempt) -> Report | None:
        """Make one attempt; None where nobody can know whether the server took the mail.

        A cancelled attempt closes the connection. A caller that gives up by a time-out asks `unfinished` what is known.
        """
        try:
            mail = compose(attempt, self._settings)
        except (ValueError, LookupError) as error:
            return Report(Outcome.REFUSED, f"can't be written as a mail: {type(error).__name__}")
        finished = False
        try:
            report = await self._transmit(attempt.address, mail)
            finished = report is not None and report.outcome is Outcome.SENT
            return report
        finally:
            if not finished:
                # Whatever went wrong, the next mail shall not find a half-finished exchange.
                self._drop()

    def unfinished(self, reason: str) -> Report | None:
        """What is known of an attempt that was cancelled: before the mail itself was sent, that it didn't go."""
        return None if self._stage == "data" else Report(Outcome.UNREACHABLE, f"{reason} ({self._stage})")

    async def close(self) -> None:
        """Say goodbye to the server."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            await client.quit()
        except (aiosmtplib.SMTPException, OSError):
            client.close()

    async def _transmit(self, address: str, mail: bytes) -> Report | None:
        try:
            client = await self._ready_for(self._settings.mail_from)
            self._stage = "recipient"
            await client.rcpt(address)
            self._stage = "data"
            answer = await client.data(mail)
        except aiosmtplib.SMTPResponseException as error:
            return self._refusal(error.code, error.message)
        except (aiosmtplib.SMTPException, OSError) as error:
            return self.unfinished(type(error).__name__)
        self._used_at_seconds = self._clock.monotonic_seconds()
        return Report(Outcome.SENT, str(answer.code))

    async def _ready_for(self, sender: str) -> aiosmtplib.SMTP:
        """Return a connection on which the server has taken `MAIL FROM`."""
        idle_seconds = self._clock.monotonic_seconds() - self._used_at_seconds
        if self._client is not None and idle_seconds <= self._settings.notifier_connection_idle_seconds:
            self._stage = "sender"
            try:
                await self._client.mail(sender)
            except (aiosmtplib.SMTPServerDisconnected, OSError):
                pass  # It had gone while it was idle: that says nothing about the mail.
            except aiosmtplib.SMTPResponseException as error:
                if error.code != _CODE_SHUTTING_DOWN:
                    raise
            else:
                return self._client
        self._drop()
        self._stage = "connect"
        client = self._client = self._new_client(self._settings)
        await client.connect()
        self._stage = "sender"
        await client.mail(sender)
        return client

    def _refusal(self, code: int, text: str) -> Report:
        enhanced = _ENHANCED_CODE.search(text)
        detail = f"{code} {enhanced.group()} ({self._stage})" if enhanced else f"{code} ({self._stage})"
        permanent = code >= _PERMANENT and self._stage != "connect" and code not in _CODES_OF_OUR_LOGIN
        return Report(Outcome.REFUSED if permanent else Outcome.UNREACHABLE, detail)

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
