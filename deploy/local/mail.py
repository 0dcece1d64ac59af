"""A mail server on 127.0.0.1 to send and receive with: GreenMail, SMTP and IMAP, in memory.

Nothing it takes leaves this machine. Every address has a mailbox: it is made when the first mail for it arrives or its
owner first logs in, under the address as user name, with any password.
"""

import imaplib
import smtplib
from collections.abc import Callable
from pathlib import Path

from deploy.local import jars, java, ports
from deploy.local.folders import emptied
from deploy.local.processes import Running
from deploy.local.server import Server

READY_SECONDS = 30.0
_ASK_SECONDS = 2.0


class Mail(Server):
    """One GreenMail. Arguments mean what they mean for `kafka.Kafka`."""

    def __init__(
        self,
        folder: Path,
        *,
        smtp_port: int | None = None,
        imap_port: int | None = None,
        tied: bool = True,
        started: Callable[[Running], None] = lambda _: None,
    ) -> None:
        super().__init__("mail", folder, tied=tied, started=started)
        self.smtp_port = ports.configured_or_free(smtp_port)
        self.imap_port = ports.configured_or_free(imap_port)

    def start(self) -> None:
        """Start the server with empty mailboxes, without waiting for it; raises StackError."""
        emptied(self._folder)
        # Small heap, quickest collector and compiler: it carries a few hundred mails at most.
        memory = ["-Xms16m", "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
        self._launch([str(java.find()), *memory, *self._options(), "-jar", str(jars.greenmail())])

    def _options(self) -> list[str]:
        listeners = {"smtp": self.smtp_port, "imap": self.imap_port}
        options = ["-Dgreenmail.auth.disabled", "-Dgreenmail.users.login=email", "-Dgreenmail.startup.timeout=20000"]
        for protocol, port in listeners.items():
            options += [f"-Dgreenmail.{protocol}.hostname={ports.HOST}", f"-Dgreenmail.{protocol}.port={port}"]
        return options

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until SMTP and IMAP greet; raises StackError with the log's end when they do not."""

        def greeted() -> bool:
            try:
                smtplib.SMTP(ports.HOST, self.smtp_port, timeout=_ASK_SECONDS).quit()
                imaplib.IMAP4(ports.HOST, self.imap_port, timeout=_ASK_SECONDS).logout()
            except (OSError, smtplib.SMTPException, imaplib.IMAP4.error):
                return False
            return True

        self._wait_until(greeted, seconds, f"mail at {ports.HOST}:{self.smtp_port} (SMTP) and :{self.imap_port} (IMAP)")
