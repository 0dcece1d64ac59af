"""A mailbox over IMAP, by the standard library: blocking calls, for a thread, each bounded by a timeout."""

from __future__ import annotations

import contextlib
import imaplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import SecretStr

TIMEOUT_SECONDS: Final = 15.0
IMPLICIT_TLS_PORT: Final = 993
MAIL_BYTES_MAX: Final = 4_000_000
"""Of a larger mail only the beginning is fetched: text stands before attachments."""
REJECTED_FLAG: Final = "AftercareRejected"

Security = Literal["auto", "tls", "starttls", "none"]


class MailboxUnavailable(Exception):  # noqa: N818 - a state, not a mistake
    """The mail server does not answer, refuses us, or answers what is no IMAP. Nothing was lost: mail stays there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where the mailbox is and how to get in."""

    host: str
    port: int
    user: str
    password: SecretStr
    security: Security = "auto"
    folder: str = "INBOX"
    rejected_folder: str = "rejected"


class Mailbox:
    """One connection, made when first needed and dropped at any error. Use it from one thread at a time.

    Every method raises `MailboxUnavailable`.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._connection: imaplib.IMAP4 | None = None

    def unseen(self, limit: int) -> list[bytes]:
        """UIDs of the oldest mails that are not \\Seen, at most `limit`."""  # noqa: D301 - IMAP's own name
        with self._connected() as connection:
            # A new SELECT shows what has come since, and notices a folder that was made anew.
            _check(connection.select(_quoted(self._account.folder)))
            answer = _check(connection.uid("SEARCH", "UNSEEN"))
            found = answer[0].split() if answer and isinstance(answer[0], bytes) else []
            return sorted(found, key=int)[:limit]

    def fetch(self, uid: bytes) -> bytes | None:
        """The mail's bytes, None when it is gone. Leaves its flags as they are."""
        with self._connected() as connection:
            answer = _check(connection.uid("FETCH", uid.decode(), f"(BODY.PEEK[]<0.{MAIL_BYTES_MAX}>)"))
            return next((item[1] for item in answer if isinstance(item, tuple)), None)

    def mark_seen(self, uids: Sequence[bytes]) -> None:
        """Flag mails as done."""
        with self._connected() as connection:
            _check(connection.uid("STORE", b",".join(uids).decode(), "+FLAGS.SILENT", r"(\Seen)"))

    def reject(self, uid: bytes) -> None:
        """Move a mail to the folder for rejected ones; where that fails, flag it, so that it is not read again."""
        with self._connected() as connection:
            if self._moved(connection, uid.decode()):
                return
            _check(connection.uid("STORE", uid.decode(), "+FLAGS.SILENT", rf"(\Flagged \Seen {REJECTED_FLAG})"))

    def close(self) -> None:
        """Log out, if connected."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                connection.logout()

    def _moved(self, connection: imaplib.IMAP4, uid: str) -> bool:
        folder = _quoted(self._account.rejected_folder)
        try:
            connection.create(folder)  # NO where it exists, which is as good
            if connection.uid("COPY", uid, folder)[0] != "OK":
                return False
            _check(connection.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen \Deleted)"))
            # UID EXPUNGE takes this mail alone; without UIDPLUS it stays, deleted and seen, until someone expunges.
            if "UIDPLUS" in connection.capabilities:
                connection.uid("EXPUNGE", uid)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            return False
        return True

    @contextlib.contextmanager
    def _connected(self) -> Any:
        try:
            if self._connection is None:
                self._connection = self._connect()
            yield self._connection
        except (imaplib.IMAP4.error, OSError, EOFError) as error:
            # After any error the state of the connection is not known: the next call begins anew.
            connection, self._connection = self._connection, None
            if connection is not None:
                _drop(connection)
            raise MailboxUnavailable(type(error).__name__) from error

    def _connect(self) -> imaplib.IMAP4:
        account = self._account
        security = account.security
        if security == "auto":
            security = "tls" if account.port == IMPLICIT_TLS_PORT else "starttls"
        context = ssl.create_default_context()
        if security == "tls":
            connection: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                account.host, account.port, ssl_context=context, timeout=TIMEOUT_SECONDS
            )
        else:
            connection = imaplib.IMAP4(account.host, account.port, timeout=TIMEOUT_SECONDS)
        try:
            offered = "STARTTLS" in connection.capabilities
            if security == "starttls" and (offered or account.security != "auto"):
                connection.starttls(context)
            connection.login(account.user, account.password.get_secret_value())
        except (imaplib.IMAP4.error, OSError):
            _drop(connection)
            raise
        return connection


def _check(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(f"the server answered {status}")
    return data


def _drop(connection: imaplib.IMAP4) -> None:
    with contextlib.suppress(imaplib.IMAP4.error, OSError):
        connection.shutdown()


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
