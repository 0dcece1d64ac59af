"""The notifier as a process of its own, on a real Kafka, with mail servers that can be watched, stopped and stalled."""

from __future__ import annotations

import imaplib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import count
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.local import ports, services
from schemas import envelope
from schemas.contract import Contract
from schemas.topics import TICKET_NOTIFICATIONS, TOPICS, Topic
from services._runtime.clock import SystemClock
from tests.integration.kafka_bed import wait_until
from tests.stack import PARTITIONS

READY_SECONDS: Final = 60.0
MAIL_SECONDS: Final = 45.0
SECRET: Final = "m" * 32
SUPPORT: Final = "support@desk.example"
CLOCK: Final = SystemClock()
_numbers = count(1)


def new_ticket_id() -> str:
    """Return a ticket id that no other test of this run has; the broker is shared by all of them."""
    return f"T-{os.getpid()}-{next(_numbers)}"


class Bus:
    """Writes what the notifier reads, and reads what it states."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "log_level": 2})
        self._make_topics()

    def send(
        self, topic: Topic, key: str, data: Contract, *, ticket_id: str, occurred_at: datetime | None = None
    ) -> None:
        """Write one event and wait until it is acknowledged."""
        value = envelope.encode(
            type_name=envelope.type_name_of(data),
            event_id=f"in-{ticket_id}-{next(_numbers)}",
            source="/test",
            time=occurred_at or CLOCK.now(),
            subject=ticket_id,
            tenant="acme",
            data=data,
        )
        self._producer.produce(topic.name, key=key.encode(), value=value)
        assert self._producer.flush(30) == 0

    def outcomes(self, ticket_id: str) -> list[tuple[str, Any]]:
        """Return type and data of what was stated about the deliveries of a ticket, as committed until now."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"mail-reader-{next(_numbers)}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        name = TICKET_NOTIFICATIONS.name
        partitions = len(consumer.list_topics(name, timeout=10).topics[name].partitions)
        consumer.assign([TopicPartition(name, each, 0) for each in range(partitions)])
        found: list[tuple[str, Any]] = []
        ended = 0
        while ended < partitions:
            for message in consumer.consume(1_000, 0.1):
                error = message.error()
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    ended += 1
                elif message.key() == ticket_id.encode():
                    head = envelope.decode_head(message.value() or b"")
                    found.append((head.type.split(".")[2], envelope.decode_data(head.type, head.data)))
        consumer.close()
        return found

    def wait_for_outcomes(self, ticket_id: str, number: int, seconds: float = MAIL_SECONDS) -> list[tuple[str, Any]]:
        """Return the outcomes of a ticket once there are `number` of them."""
        wait_until(lambda: len(self.outcomes(ticket_id)) >= number, seconds, f"{number} outcomes of {ticket_id}")
        return self.outcomes(ticket_id)

    def _make_topics(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        new = [
            NewTopic(
                topic.name,
                topic.partitions or PARTITIONS,
                1,
                config={"cleanup.policy": "compact"} if topic.compacted else {},
            )
            for topic in TOPICS
        ]
        for future in admin.create_topics(new, request_timeout=30).values():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise


@contextmanager
def notifier(bootstrap: str, smtp_port: int, folder: Path, **settings: str) -> Iterator[services.Service]:
    """Run `python -m services.notifier` until the end of the block; ready when the block begins."""
    service = services.Service("notifier", instance=0, port=ports.configured_or_free(None), log=folder / "notifier.log")
    try:
        start(service, bootstrap, smtp_port, folder, **settings)
        yield service
    finally:
        service.stop()


def start(service: services.Service, bootstrap: str, smtp_port: int, folder: Path, **settings: str) -> None:
    """Start the process, again after a kill, and wait until it is ready."""
    stated = {
        "KAFKA_BOOTSTRAP": bootstrap,
        "SECRET": SECRET,
        "HTTP_PORT": str(service.port),
        "SMTP_PORT": str(smtp_port),
        "MAIL_FROM": SUPPORT,
        "PARTITIONS": str(PARTITIONS),
        "REPLICATION": "1",
        "DATA_DIR": str(folder),
        "PUBLIC_URL": "https://help.example",
        "SURVEY_URL": "https://survey.example",
        **{name.upper(): value for name, value in settings.items()},
    }
    service.start({f"AFTERCARE_{name}": value for name, value in stated.items()})
    services.wait_ready([service], READY_SECONDS)


def mailbox(imap_port: int, address: str) -> list[EmailMessage]:
    """Return the mails that an address has got."""
    client = imaplib.IMAP4(ports.HOST, imap_port, timeout=10)
    try:
        client.login(address, "any")
        client.select("INBOX", readonly=True)
        mails: list[EmailMessage] = []
        for number in client.search(None, "ALL")[1][0].split():
            fetched: Any = client.fetch(number, "(RFC822)")[1][0]
            mail = message_from_bytes(fetched[1], policy=default)
            assert isinstance(mail, EmailMessage)
            mails.append(mail)
        return mails
    finally:
        client.logout()


class StallingServer:
    """An SMTP server that takes the first mail and never answers for it, then serves as it should.

    `mails` are the texts that came in, the unanswered one too; `taken` is set once that one is here.
    """

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.taken = threading.Event()
        self._socket = socket.create_server((ports.HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb", buffering=0) as stream:
            stream.write(b"220 here\r\n")
            while line := stream.readline():
                if not line.upper().startswith(b"DATA"):
                    stream.write(b"250 ok\r\n")
                    continue
                stream.write(b"354 go on\r\n")
                mail = message_from_bytes(b"".join(iter(stream.readline, b".\r\n")), policy=default)
                assert isinstance(mail, EmailMessage)
                self.mails.append(mail)
                if len(self.mails) == 1:
                    self.taken.set()
                    stream.read()  # until the other side has gone
                    return
                stream.write(b"250 taken\r\n")
