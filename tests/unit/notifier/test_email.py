from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import aiosmtplib
import pytest

from schemas.notifications import Outcome
from services._runtime.clock import ManualClock
from services._runtime.mail_reference import ticket_of
from services.notifier.adapters.email import Mailer, compose
from services.notifier.domain.deliveries import Attempt, Report
from services.notifier.settings import NotifierSettings
from tests.unit.notifier.attempts import NOW, SECRET, SETTINGS, attempt


def parsed(each: Attempt) -> EmailMessage:
    mail = message_from_bytes(compose(each, SETTINGS), policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


# ── the message ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_mail_says_who_it_is_from_and_that_a_machine_wrote_it() -> None:
    mail = parsed(attempt())
    assert mail["From"] == "Aftercare <support@desk.example>"
    assert (mail["To"], mail["Reply-To"]) == ("wang@customer.example", "support@desk.example")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["Date"].datetime == NOW
    assert mail["X-Aftercare-Delivery"] == "T-1.opened.00; attempt=1"
    assert mail["Content-Language"] == "zh-CN"


def test_a_mail_carries_chinese_and_english_unchanged_over_seven_bits() -> None:
    raw = compose(attempt(), SETTINGS)
    assert raw.isascii()
    assert max(map(len, raw.splitlines())) <= 998
    mail = parsed(attempt())
    assert mail["Subject"] == attempt().subject
    assert mail.get_content().replace("\r\n", "\n") == attempt().body
    english = attempt(subject="[T-1] Resolved", body="Dear Wang,\n\nplain text\n")
    assert parsed(english).get_content().replace("\r\n", "\n") == english.body


def test_a_message_id_names_the_ticket_and_is_the_same_for_each_attempt_at_a_delivery() -> None:
    ids = [parsed(attempt(number))["Message-ID"] for number in (1, 2)]
    assert ids[0] == ids[1]
    assert ticket_of(SECRET, ids[0]) == "T-1"
    assert ids[0].endswith("@desk.example>")
    assert parsed(attempt(delivery_id="T-1.closed.00"))["Message-ID"] != ids[0]


def test_all_mails_of_a_ticket_refer_to_one_root_and_those_of_another_to_another() -> None:
    mails = [parsed(attempt(delivery_id=delivery_id)) for delivery_id in ("T-1.opened.00", "T-1.closed.00")]
    roots = [mail["References"] for mail in mails]
    assert roots[0] == roots[1] == parsed(attempt())["In-Reply-To"]
    assert ticket_of(SECRET, roots[0]) == "T-1"
    assert parsed(attempt(ticket_id="T-2"))["References"] != roots[0]


@pytest.mark.parametrize("header", ["Message-ID", "In-Reply-To", "References"])
def test_a_long_reference_stands_in_the_mail_as_it_is_for_other_programs_to_find(header: str) -> None:
    long = attempt(ticket_id="T-8ZKD-3M0Q-V7XA-2HRC")
    unfolded = compose(long, SETTINGS).decode().replace("\r\n ", " ")
    assert f"\r\n{header}: <T-8ZKD-3M0Q-V7XA-2HRC." in unfolded
    assert f"{parsed(long)[header].strip()}\r\n" in unfolded


# ── the conversation with the server ────────────────────────────────────────────────────────────────────────────────


class FakeClient:
    """A server's side of SMTP, one step after the other; `script` raises where it wants to."""

    def __init__(self, script: Callable[[str], None]) -> None:
        self.steps: list[str] = []
        self.closed = False
        self._script = script

    def _step(self, name: str) -> aiosmtplib.SMTPResponse:
        self.steps.append(name)
        self._script(name)
        return aiosmtplib.SMTPResponse(250, "ok")

    async def connect(self) -> aiosmtplib.SMTPResponse:
        return self._step("connect")

    async def mail(self, _sender: str) -> aiosmtplib.SMTPResponse:
        return self._step("sender")

    async def rcpt(self, _recipient: str) -> aiosmtplib.SMTPResponse:
        return self._step("recipient")

    async def data(self, _mail: bytes) -> aiosmtplib.SMTPResponse:
        return self._step("data")

    async def quit(self) -> aiosmtplib.SMTPResponse:
        return self._step("quit")

    def close(self) -> None:
        self.closed = True


class FakeServer:
    """Gives out fake clients, and remembers them."""

    def __init__(self, script: Callable[[str], None] = lambda _: None) -> None:
        self.clients: list[FakeClient] = []
        self.clock = ManualClock(NOW)
        self.mailer = Mailer(SETTINGS, self.clock, self._new_client)
        self._script = script

    @property
    def steps(self) -> list[list[str]]:
        return [client.steps for client in self.clients]

    def _new_client(self, _settings: NotifierSettings) -> Any:
        self.clients.append(FakeClient(self._script))
        return self.clients[-1]

    def send(self, times: int = 1) -> Report | None:
        async def sent() -> Report | None:
            report = None
            for _ in range(times):
                report = await self.mailer.send(attempt())
            return report

        return asyncio.run(sent())


def failing(stage: str, error: BaseException, times: int = 1_000) -> Callable[[str], None]:
    left = [error] * times

    def script(step: str) -> None:
        if step == stage and left:
            raise left.pop()

    return script


WHOLE = ["connect", "sender", "recipient", "data"]


def test_one_connection_sends_one_mail_after_the_other() -> None:
    server = FakeServer()
    assert server.send(times=2) == Report(Outcome.SENT, "250")
    assert server.steps == [[*WHOLE, *WHOLE[1:]]]
    asyncio.run(server.mailer.close())
    assert server.steps[0][-1] == "quit"


def test_a_connection_that_stood_idle_too_long_is_not_trusted() -> None:
    server = FakeServer()
    server.send()
    server.clock.advance(timedelta(seconds=SETTINGS.notifier_connection_idle_seconds + 1))
    server.send()
    assert server.steps == [WHOLE, WHOLE]
    assert server.clients[0].closed


@pytest.mark.parametrize(
    "error", [aiosmtplib.SMTPServerDisconnected("gone"), aiosmtplib.SMTPSenderRefused(421, "too many", "support@x")]
)
def test_a_connection_that_went_away_between_mails_is_replaced_at_once(error: Exception) -> None:
    server = FakeServer()
    server.send()
    server.clients[0]._script = failing("sender", error)
    assert server.send() == Report(Outcome.SENT, "250")
    assert server.steps == [[*WHOLE, "sender"], WHOLE]


@pytest.mark.parametrize(
    ("stage", "error", "report"),
    [
        ("connect", ConnectionRefusedError(), Report(Outcome.UNREACHABLE, "ConnectionRefusedError (connect)")),
        (
            "connect",
            aiosmtplib.SMTPConnectError("to wang@customer.example"),
            Report(Outcome.UNREACHABLE, "SMTPConnectError (connect)"),
        ),
        ("connect", aiosmtplib.SMTPConnectResponseError(554, "no"), Report(Outcome.UNREACHABLE, "554 (connect)")),
        ("connect", aiosmtplib.SMTPAuthenticationError(535, "no"), Report(Outcome.UNREACHABLE, "535 (connect)")),
        ("sender", aiosmtplib.SMTPSenderRefused(530, "log in", "x"), Report(Outcome.UNREACHABLE, "530 (sender)")),
        ("sender", aiosmtplib.SMTPSenderRefused(550, "no", "x"), Report(Outcome.REFUSED, "550 (sender)")),
        (
            "recipient",
            aiosmtplib.SMTPRecipientRefused(550, "5.1.1 wang@customer.example unknown", "wang@customer.example"),
            Report(Outcome.REFUSED, "550 5.1.1 (recipient)"),
        ),
        (
            "recipient",
            aiosmtplib.SMTPRecipientRefused(451, "4.7.1 grey", "x"),
            Report(Outcome.UNREACHABLE, "451 4.7.1 (recipient)"),
        ),
        (
            "recipient",
            aiosmtplib.SMTPServerDisconnected("x"),
            Report(Outcome.UNREACHABLE, "SMTPServerDisconnected (recipient)"),
        ),
        ("data", aiosmtplib.SMTPDataError(554, "5.7.1 spam"), Report(Outcome.REFUSED, "554 5.7.1 (data)")),
        ("data", aiosmtplib.SMTPDataError(452, "full"), Report(Outcome.UNREACHABLE, "452 (data)")),
        ("data", aiosmtplib.SMTPServerDisconnected("x"), None),
        ("data", aiosmtplib.SMTPReadTimeoutError("x"), None),
    ],
)
def test_what_goes_wrong_is_reported_by_its_kind_without_addresses(
    stage: str, error: Exception, report: Report | None
) -> None:
    server = FakeServer(failing(stage, error))
    assert server.send() == report
    assert server.clients[0].closed


def test_after_a_failure_the_next_mail_begins_anew() -> None:
    server = FakeServer(failing("recipient", aiosmtplib.SMTPRecipientRefused(550, "no", "x"), times=1))
    server.send()
    assert server.send() == Report(Outcome.SENT, "250")
    assert server.steps == [WHOLE[:3], WHOLE]


def test_a_mail_that_cannot_be_written_is_refused_without_asking_the_server() -> None:
    server = FakeServer()
    report = asyncio.run(server.mailer.send(attempt(address="a@b.example\nBcc: c@d.example")))
    assert report is not None
    assert report.outcome is Outcome.REFUSED
    assert server.clients == []


@pytest.mark.parametrize(("stage", "known"), [("connect", True), ("recipient", True), ("data", False)])
def test_of_a_cancelled_attempt_it_is_known_that_nothing_went_until_the_mail_itself_does(
    stage: str, *, known: bool
) -> None:
    server = FakeServer(failing(stage, asyncio.CancelledError()))
    with pytest.raises(asyncio.CancelledError):
        server.send()
    report = server.mailer.unfinished("timed out")
    assert report == (Report(Outcome.UNREACHABLE, f"timed out ({stage})") if known else None)
    assert server.clients[0].closed
