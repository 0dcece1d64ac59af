"""The mail gateway with a real mail server, Kafka and Redis: no mail is lost, none is a ticket twice."""

from __future__ import annotations

import asyncio
import imaplib
import smtplib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
import redis as redis_client

from deploy.local import ports
from deploy.local.mail import Mail
from schemas import ticket_events as events
from schemas import topics
from schemas.directory import CustomerDefined
from schemas.ids import ticket_id
from schemas.intake_requests import RequestReceived
from services._runtime.directory.directory import Directory
from services._runtime.mail_reference import message_id
from services._runtime.metrics import MAILS
from services._runtime.unavailable import KafkaUnavailable
from services.intake.adapters.mail.gateway import MailGateway
from services.intake.adapters.mail.mailbox import MailboxUnavailable
from services.intake.app import Edges
from services.intake.settings import IntakeSettings
from tests.integration.intake_bed import (
    SECRET,
    START,
    Life,
    edges_of,
    encoded,
    in_loop,
    make_topics,
    new_tenant,
    records,
    settings_for,
    wait_for,
)

pytestmark = pytest.mark.integration

DATABASE: Final = 7
NOWHERE: Final = "127.0.0.1:1"
_boxes = count(1)


@pytest.fixture
def settings(local_kafka: str, local_redis: str, local_mail: Mail) -> IntakeSettings:
    """Return settings of a mailbox, a tenant and a Redis database that are this test's alone."""
    make_topics(local_kafka)
    url = local_redis.rpartition("/")[0] + f"/{DATABASE}"
    with redis_client.Redis.from_url(url) as client:
        client.flushdb()
    return settings_for(
        local_kafka,
        url,
        imap_host=ports.HOST,
        imap_port=local_mail.imap_port,
        imap_user=f"support-{next(_boxes)}@aftercare.example",
        imap_password="any",
        imap_poll_seconds=0.1,
        mail_tenant=new_tenant("mail"),
    )


@asynccontextmanager
async def mailing(
    settings: IntakeSettings, directory: Directory | None = None
) -> AsyncIterator[tuple[Edges, MailGateway]]:
    """Yield the edges of one process and its mail gateway, which polls when it is told to."""
    async with edges_of(settings, directory=directory) as (edges, _):
        gateway = edges.mail_gateway()
        try:
            yield edges, gateway
        finally:
            await gateway.close()


class Post:
    """Writes into the mailbox of a test, and looks into it."""

    def __init__(self, mail: Mail, address: str) -> None:
        self._mail = mail
        self._address = address

    def send(self, subject: str, text: str = "It does not work.", **headers: str) -> str:
        """Send a mail by SMTP; returns its Message-ID without brackets."""
        message = EmailMessage()
        message["From"] = headers.pop("From_", "Li Wei <li.wei@acme.example>")
        message["To"] = self._address
        message["Subject"] = subject
        message["Message-ID"] = headers.pop("Message_ID", f"<{subject.encode().hex()}@acme.example>")
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        self.send_bytes(message.as_bytes())
        return str(message["Message-ID"]).strip("<>")

    def send_bytes(self, raw: bytes) -> None:
        """Put whatever bytes into the mailbox."""
        with smtplib.SMTP(ports.HOST, self._mail.smtp_port, timeout=5) as smtp:
            smtp.sendmail("li.wei@acme.example", [self._address], raw)

    def count(self, criterion: str, folder: str = "INBOX") -> int:
        """Count the mails of a folder that IMAP finds."""
        with self._imap() as imap:
            if imap.select(folder)[0] != "OK":
                return 0
            return len(imap.search(None, criterion)[1][0].split())

    @contextmanager
    def _imap(self) -> Iterator[imaplib.IMAP4]:
        imap = imaplib.IMAP4(ports.HOST, self._mail.imap_port, timeout=5)
        try:
            imap.login(self._address, "any")
            yield imap
        finally:
            imap.logout()


@pytest.fixture
def post(settings: IntakeSettings, local_mail: Mail) -> Post:
    """Return the mailbox."""
    return Post(local_mail, settings.imap_user)


def requests_of(settings: IntakeSettings) -> list[dict[str, Any]]:
    return records(settings.kafka_bootstrap, topics.INTAKE_REQUESTS, settings.mail_tenant)


def directory_with_acme() -> Directory:
    directory = Directory()
    acme = CustomerDefined.closed_validate(
        {"customer_id": "acme", "company": "Acme", "tier": "vip", "email_domains": ["ACME.example"]}
    )
    directory.apply("directory.customers", "acme", encoded("t", "acme", "d-1", acme, START))
    directory.passed("directory.customers", 0)
    return directory


@in_loop
async def test_a_mail_becomes_a_request_and_only_then_is_seen(settings: IntakeSettings, post: Post) -> None:
    sent = post.send("打印机坏了", "请尽快处理。")
    async with mailing(settings, directory_with_acme()) as (_, gateway):
        assert await gateway.poll() == 1
    [event] = requests_of(settings)
    data = RequestReceived.closed_validate(event["data"])
    assert (data.channel, data.external_id, data.subject) == ("email", sent, "打印机坏了")
    assert data.body == "请尽快处理。"
    assert (data.requester.email, data.requester.name) == ("li.wei@acme.example", "Li Wei")
    assert (data.requester.company, data.requester.tier, data.requester.language) == ("Acme", "vip", "zh-CN")
    assert event["subject"] == ticket_id(settings.mail_tenant, "email", sent)
    # Neither key nor id tells who wrote.
    assert "li.wei" not in event["_key"] + event["id"] + data.requester.requester_id
    assert (post.count("SEEN"), post.count("UNSEEN")) == (1, 0)


@in_loop
async def test_a_mail_is_not_seen_while_kafka_is_away_and_is_one_ticket_afterwards(
    settings: IntakeSettings, post: Post
) -> None:
    post.send("Printer")
    gone = settings.model_copy(update={"kafka_bootstrap": NOWHERE})
    async with mailing(gone) as (_, gateway):
        with pytest.raises(KafkaUnavailable):
            await gateway.poll()
    assert post.count("UNSEEN") == 1
    async with mailing(settings) as (_, gateway):
        assert await gateway.poll() == 1
        assert await gateway.poll() == 0
    assert len(requests_of(settings)) == 1


@in_loop
async def test_a_crash_between_kafka_and_the_mailbox_gives_the_same_event_again(
    settings: IntakeSettings, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.send("Printer")
    async with mailing(settings) as (_, crashing), mailing(settings) as (_, restarted):

        def crash(_uids: object) -> None:
            raise MailboxUnavailable("killed")

        monkeypatch.setattr(crashing._mailbox, "mark_seen", crash)
        with pytest.raises(MailboxUnavailable):
            await crashing.poll()
        assert await restarted.poll() == 1
    first, second = requests_of(settings)
    assert (first["id"], first["_key"], first["subject"]) == (second["id"], second["_key"], second["subject"])
    assert first["data"]["external_id"] == second["data"]["external_id"]


@in_loop
async def test_broken_mail_is_put_aside_and_the_rest_is_read(settings: IntakeSettings, post: Post) -> None:
    rejected = MAILS.labels("rejected")._value.get()
    post.send("First")
    post.send_bytes(b"Subject: nobody\r\n\r\nfrom nowhere")
    post.send_bytes(b'From: a@b.example\r\nContent-Type: multipart/mixed; boundary="\r\n\r\n\xff\xfe--\x00')
    post.send("Last")
    async with mailing(settings) as (_, gateway):
        await gateway.poll()
    subjects = {event["data"]["subject"] for event in requests_of(settings)}
    assert {"First", "Last"} <= subjects
    assert "nobody" not in subjects
    assert post.count("UNSEEN") == 0
    assert post.count("ALL", "rejected") == 1
    assert MAILS.labels("rejected")._value.get() == rejected + 1


@in_loop
async def test_automatic_mail_is_sent_on_with_its_reason(settings: IntakeSettings, post: Post) -> None:
    post.send("Out of office", Auto_Submitted="auto-replied")
    post.send("Our own", From_=f"Support <{settings.imap_user}>")
    async with mailing(settings) as (_, gateway):
        await gateway.poll()
    assert {event["data"]["automatic"] for event in requests_of(settings)} == {
        "Auto-Submitted: auto-replied",
        "our own mail",
    }


@in_loop
async def test_an_answer_to_our_mail_names_its_ticket_by_the_signed_reference(
    settings: IntakeSettings, post: Post
) -> None:
    ticket = ticket_id(settings.mail_tenant, "portal", "elsewhere")
    post.send("Re: your ticket", In_Reply_To=message_id(SECRET, ticket, "delivery", "aftercare.example"))
    async with mailing(settings) as (_, gateway):
        await gateway.poll()
    [event] = requests_of(settings)
    assert event["data"]["known_ticket_id"] == ticket


@in_loop
async def test_an_answer_to_a_customers_own_mail_follows_it_before_and_after_the_ticket_is_open(
    settings: IntakeSettings, post: Post
) -> None:
    first = post.send("Printer")
    async with mailing(settings) as (edges, gateway):
        await gateway.poll()
        post.send("AW: something else", References=f"<{first}>")
        await gateway.poll()
        # Not open yet: the same partition, so that the normaliser sees them in order, but no ticket is claimed.
        one, two = requests_of(settings)
        assert one["_key"] == two["_key"]
        assert "known_ticket_id" not in two["data"]
        life = Life(settings.mail_tenant, one["subject"]).tell(
            events.TicketOpened,
            "new",
            channel="email",
            external_id=first,
            conversation=one["data"]["conversation"],
            requester=one["data"]["requester"],
            subject="Printer",
            body="b",
            impact="minor",
            urgency="low",
            priority="P3",
        )
        projecting = asyncio.create_task(edges.read_model().run())
        await edges.producer.send_all(life.written)

        async def is_open() -> bool:
            return await edges.views.sequence(life.tenant, life.ticket_id) == 1

        await wait_for(is_open, "the ticket is open")
        post.send("Still broken", In_Reply_To=f"<{first}>", Message_ID="<third@acme.example>")
        await gateway.poll()
        projecting.cancel()
        await asyncio.gather(projecting, return_exceptions=True)
    third = next(e for e in requests_of(settings) if e["data"]["external_id"] == "third@acme.example")
    assert third["data"]["known_ticket_id"] == life.ticket_id


@in_loop
async def test_the_same_mail_delivered_twice_is_one_event(settings: IntakeSettings, post: Post) -> None:
    post.send("Printer", Message_ID="<same@acme.example>")
    post.send("Printer", Message_ID="<same@acme.example>")
    async with mailing(settings) as (_, gateway):
        assert await gateway.poll() == 2
    assert len({(event["id"], event["_key"]) for event in requests_of(settings)}) == 1


@in_loop
async def test_the_poller_outlives_a_mail_server_that_is_away(settings: IntakeSettings, tmp_path: Path) -> None:
    server = Mail(tmp_path / "mail")
    away = settings.model_copy(update={"imap_port": server.imap_port})
    async with edges_of(away) as (edges, _):
        gateway = edges.mail_gateway()
        polling = asyncio.create_task(gateway.run())
        try:

            async def has_noticed() -> bool:
                return gateway.status == "mailbox"

            await wait_for(has_noticed, "the poller notices that the server is away")
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(server.wait_ready)
            Post(server, settings.imap_user).send("After the outage")

            async def has_read() -> bool:
                return len(await asyncio.to_thread(requests_of, settings)) == 1

            await wait_for(has_read, "the mail is read")
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
            await asyncio.to_thread(server.stop)


@in_loop
async def test_one_instance_at_a_time_reads_the_mailbox(settings: IntakeSettings, post: Post) -> None:
    del post
    async with edges_of(settings) as (one, _), edges_of(settings.model_copy(update={"instance": "1"})) as (two, _):
        gateways = [edges.mail_gateway() for edges in (one, two)]
        tasks = [asyncio.create_task(gateway.run()) for gateway in gateways]

        async def is_shared_out() -> bool:
            return {gateway.status for gateway in gateways} == {"done", "standby"}

        await wait_for(is_shared_out, "one reads and one stands by")
        reading = next(index for index, gateway in enumerate(gateways) if gateway.status == "done")
        tasks[reading].cancel()
        await asyncio.gather(tasks[reading], return_exceptions=True)

        async def is_taken_over() -> bool:
            return gateways[1 - reading].status == "done"

        await wait_for(is_taken_over, "the other one takes over")
        tasks[1 - reading].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
