"""History for a replay: `ticket.events` out of Kafka, bounded by its ends as of now, or a file of JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from schemas.topics import DIRECTORY, TICKET_EVENTS
from services._runtime.directory.directory import Directory
from services._runtime.directory.file import read_directory_file, records_of
from services._runtime.kafka.bounded import read, slices_of
from services._runtime.settings import KafkaSettings

CLIENT_ID: Final = "sla-what-if"
MARGIN: Final = timedelta(days=1)
"""How much earlier than `since` the topic is read: brokers' stamps say when a fact was written, not when it was."""
LINE_BYTES_MAX: Final = 4 * 1_048_576


class Raw(NamedTuple):
    """An event as it lies in the topic or the file, and its place for messages."""

    place: str
    value: bytes


Part = Iterator[Raw]
"""Events of some tickets, all that there are of each of them, in the ledger's order."""


def kafka_parts(settings: KafkaSettings, since: datetime) -> Iterator[Part]:
    """The partitions of `ticket.events` one after the other, each to the end that it has at the start.

    Raises:
        TopicUnreadableError, BrokersSilentError: see `bounded`.
    """
    for part in slices_of(settings, CLIENT_ID, TICKET_EVENTS.name, since - MARGIN):
        yield (
            Raw(f"{record.topic}/{record.partition}/{record.offset}", record.value)
            for record in read(settings, CLIENT_ID, part)
            if record.value is not None
        )


def file_parts(path: Path) -> Iterator[Part]:
    """The events of a file, a line each; a line that is too long to be an event comes cut and is refused later.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as lines:
        yield _lines_of(lines, path.name)


def _lines_of(lines: BinaryIO, name: str) -> Iterator[Raw]:
    number = 0
    while line := lines.readline(LINE_BYTES_MAX):
        number += 1
        if line.strip():
            yield Raw(f"{name}:{number}", line)


def kafka_directory(settings: KafkaSettings) -> Directory:
    """The directory as its topics have it now; what can't be used there is passed over, as the services do.

    Raises:
        TopicUnreadableError, BrokersSilentError: see `bounded`.
    """
    directory = Directory()
    for topic in DIRECTORY.values():
        for part in slices_of(settings, CLIENT_ID, topic.name):
            for record in read(settings, CLIENT_ID, part):
                _apply(directory, topic.name, (record.key or b"").decode(errors="replace"), record.value)
    return directory


def file_directory(path: Path, now: datetime) -> Directory:
    """The directory that a file for `services directory load` describes.

    Raises:
        DirectoryFileError, OSError: see `read_directory_file`.
    """
    directory = Directory()
    topics = {topic.name for topic in DIRECTORY.values()}
    for outgoing in records_of(read_directory_file(path), {}, now):
        if outgoing.topic in topics:
            directory.apply(outgoing.topic, outgoing.key, outgoing.value)
    return directory


def _apply(directory: Directory, topic: str, key: str, value: bytes | None) -> None:
    try:
        directory.apply(topic, key, value)
    except (ValueError, LookupError):
        return  # the services dead-letter it, and go by what is left
