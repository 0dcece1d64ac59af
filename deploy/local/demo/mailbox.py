"""Mail as customers have it: SMTP to write, IMAP to read. Blocking calls, made in threads and bounded by a timeout."""

import email
import imaplib
import re
import smtplib
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from typing import Final

from deploy.local.ports import HOST
from deploy.local.services import MAILBOX

TIMEOUT_SECONDS: Final = 10.0
_DELIVERY: Final = re.compile(r"(?P<ticket>[^.\s]+)\.(?P<node>[a-z_]+)\.[0-9a-f]+")
_LINK: Final = re.compile(r"https?://\S+/(?P<page>progress|survey)/[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Letter:
    """A mail of ours as its reader has it: of which ticket and node it tells, and the links in it."""

    ticket_id: str
    node: str
    message_id: str
    subject: str
    progress_url: str | None
    survey_url: str | None


@dataclass(frozen=True)
class PostOffice:
    """The mail server's two doors."""

    smtp_port: int
    imap_port: int

    def send(self, mail: EmailMessage) -> None:
        """Hand a mail to the server; it has been taken when this returns. Raises OSError or SMTPException."""
        with smtplib.SMTP(HOST, self.smtp_port, timeout=TIMEOUT_SECONDS) as smtp:
            smtp.send_message(mail)

    def count(self, address: str) -> int:
        """Return how many mails lie in a mailbox. Raises OSError or imaplib's errors."""
        imap = imaplib.IMAP4(HOST, self.imap_port, timeout=TIMEOUT_SECONDS)
        try:
            imap.login(address, "any")
            _, answer = imap.select("INBOX", readonly=True)
            return int(answer[0] or b"0")
        finally:
            imap.logout()


class Inbox:
    """One person's mailbox, read from where it was left. The connection stays open until `close`."""

    def __init__(self, office: PostOffice, address: str) -> None:
        self._office = office
        self._address = address
        self._imap: imaplib.IMAP4 | None = None
        self._seen = 0

    def new_letters(self) -> list[Letter]:
        """Return what has come since the last time; raises OSError or imaplib's errors, then reconnects."""
        try:
            return [letter for raw in self._new_mails() if (letter := letter_of(raw)) is not None]
        except (OSError, imaplib.IMAP4.error):
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        imap, self._imap = self._imap, None
        if imap is not None:
            try:
                imap.logout()
            except (OSError, imaplib.IMAP4.error):
                return

    def _connected(self) -> imaplib.IMAP4:
        if self._imap is None:
            self._imap = imaplib.IMAP4(HOST, self._office.imap_port, timeout=TIMEOUT_SECONDS)
            self._imap.login(self._address, "any")
        return self._imap

    def _new_mails(self) -> list[bytes]:
        """Fetch what has come since the last time, in one command."""
        imap = self._connected()
        _, answer = imap.select("INBOX")
        if int(answer[0] or b"0") == self._seen:
            return []
        _, mails = imap.fetch(f"{self._seen + 1}:*", "(BODY.PEEK[])")
        raw = [item[1] for item in mails if isinstance(item, tuple)]
        self._seen += len(raw)
        return raw


def letter_of(raw: bytes) -> Letter | None:
    """Read a mail of ours; None for anybody else's."""
    mail = email.message_from_bytes(raw, policy=policy.default)
    match = _DELIVERY.match(str(mail.get("X-Aftercare-Delivery", "")).strip())
    if match is None:
        return None
    body = mail.get_body(("plain",))
    links = {found["page"]: found.group() for found in _LINK.finditer(str(body.get_content()) if body else "")}
    return Letter(
        ticket_id=match["ticket"],
        node=match["node"],
        message_id=str(mail["Message-ID"]),
        subject=str(mail["Subject"]),
        progress_url=links.get("progress"),
        survey_url=links.get("survey"),
    )


def customers_mail(
    sender: str, subject: str, body: str, message_id: str, *, answers: str | None = None
) -> EmailMessage:
    """Return a mail to the support mailbox; `answers` is the Message-ID that it replies to."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = sender, MAILBOX, subject, message_id
    if answers is not None:
        mail["In-Reply-To"] = mail["References"] = answers
    mail.set_content(body)
    return mail
