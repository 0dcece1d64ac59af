"""`python -m services directory load FILE`: bring the directory topics to what a YAML file says."""

import argparse
import asyncio
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Final

from schemas.directory import TechnicianDefined
from schemas.topics import DIRECTORY
from services._runtime.clock import SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.directory.file import DirectoryFileError, read_directory_file, records_of
from services._runtime.kafka.follower import Follower
from services._runtime.kafka.producer import EventProducer
from services._runtime.logs import get_logger
from services._runtime.settings import RuntimeSettings
from services._runtime.unavailable import KafkaUnavailable

log = get_logger(__name__)

READ_SECONDS: Final = 30.0
AT_ONCE_RECORDS: Final = 500
_TECHNICIANS: Final = DIRECTORY["technicians"].name


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `directory load FILE` to the command line; the parsed arguments get `run(arguments) -> exit status`."""
    directory = subparsers.add_parser("directory", help="customers, technicians, pools, calendars, policies, templates")
    commands = directory.add_subparsers(required=True)
    load = commands.add_parser("load", help="write what a YAML file says; what it does not name stays")
    load.add_argument("file", type=Path)
    load.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        written = asyncio.run(load_directory(arguments.file, RuntimeSettings()))
    except (DirectoryFileError, KafkaUnavailable, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command line prints
        return 1
    print(f"{written} records written")  # noqa: T201 - as above
    return 0


async def load_directory(path: Path, settings: RuntimeSettings) -> int:
    """Check the file, then write its records; returns how many.

    Raises:
        DirectoryFileError: something in the file is wrong, and nothing was written.
        KafkaUnavailable: Kafka did not answer; run it again.
    """
    file = read_directory_file(path)
    before = await _technicians(settings.kafka_bootstrap)
    records = list(records_of(file, before, SystemClock().now()))
    producer = EventProducer(settings.kafka_bootstrap, client_id="directory-load")
    try:
        for first in range(0, len(records), AT_ONCE_RECORDS):
            await producer.send_all(records[first : first + AT_ONCE_RECORDS])
    finally:
        await producer.stop()
    return len(records)


async def _technicians(bootstrap: str) -> dict[str, TechnicianDefined]:
    """The technicians as the topic has them now, by id."""
    directory = Directory()
    follower = Follower(bootstrap, [_TECHNICIANS], name="directory-load", poll_seconds=0.05)
    try:
        async with asyncio.timeout(READ_SECONDS), aclosing(follower.batches({})) as batches:
            async for batch in batches:
                for record in batch.records:
                    _apply(directory, (record.key or b"").decode(errors="replace"), record.value)
                if batch.lag_records == 0:
                    break
    except TimeoutError:
        raise KafkaUnavailable(f"Kafka at {bootstrap} did not answer within {READ_SECONDS:g} s") from None
    return {technician.technician_id: technician for technician in directory.all(TechnicianDefined)}


def _apply(directory: Directory, key: str, value: bytes | None) -> None:
    try:
        directory.apply(_TECHNICIANS, key, value)
    except (ValueError, LookupError) as error:
        # Someone else's mistake on the topic; the services dead-letter it. A load may be what mends it.
        log.warning("directory_record_ignored", topic=_TECHNICIANS, error=type(error).__name__)
