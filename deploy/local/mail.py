"""A mail server on 127.0.0.1 to send and receive with: GreenMail, SMTP and IMAP, in memory.

Nothing it takes leaves this machine. Every address has a mailbox: it is made when the first mail for it arrives or its
owner first logs in, under the address as user name, with any password.
"""

import imaplib
import smtplib
from collections.abc import Callable
from pathlib import Path

from deploy.local import jars, java, ports, processes
from deploy.local.errors import StackError
from deploy.local.folders import emptied, last_lines
from deploy.local.processes import Running
from deploy.local.waiting import until

READY_SECONDS = 30.0
_ASK_SECONDS = 2.0


class Mail:
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
        self._folder = folder
        self._tied = tied
        self._started = started
        self.smtp_port = ports.configured_or_free(smtp_port)
        self.imap_port = ports.configured_or_free(imap_port)
        self.running: Running | None = None

    @property
    def log(self) -> Path:
        """Return the file that the server logs to."""
        return self._folder / "mail.log"

    def start(self) -> None:
        """Start the server with empty mailboxes, without waiting for it; raises StackError."""
        emptied(self._folder)
        # Small heap, quickest collector and compiler: it carries a few hundred mails at most.
        memory = ["-Xms16m", "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
        self.running = processes.start(
            "mail",
            [str(java.find()), *memory, *self._options(), "-jar", str(jars.greenmail())],
            log=self.log,
            environment={"PATH": "/usr/bin:/bin"},
            tied=self._tied,
        )
        self._started(self.running)

    def _options(self) -> list[str]:
        listeners = {"smtp": self.smtp_port, "imap": self.imap_port}
        options = ["-Dgreenmail.auth.disabled", "-Dgreenmail.users.login=email", "-Dgreenmail.startup.timeout=20000"]
        for protocol, port in listeners.items():
            options += [f"-Dgreenmail.{protocol}.hostname={ports.HOST}", f"-Dgreenmail.{protocol}.port={port}"]
        return options

    def stop(self) -> None:
        """Stop the server; its mail is gone. Raises StackError when it can't be ended."""
        if self.running is not None:
            processes.stop([self.running])

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until SMTP and IMAP greet; raises StackError with the log's end when they do not."""

        def greeted() -> bool:
            if self.running is None or not self.running.is_alive():
                raise StackError("the mail server ended while it was starting")
            try:
                smtplib.SMTP(ports.HOST, self.smtp_port, timeout=_ASK_SECONDS).quit()
                imaplib.IMAP4(ports.HOST, self.imap_port, timeout=_ASK_SECONDS).logout()
            except (OSError, smtplib.SMTPException, imaplib.IMAP4.error):
                return False
            return True

        try:
            until(greeted, seconds, f"mail at {ports.HOST}:{self.smtp_port} (SMTP) and :{self.imap_port} (IMAP)")
        except StackError as error:
            raise StackError(f"{error}\n{last_lines(self.log)}") from error
