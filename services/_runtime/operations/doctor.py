"""`python -m services doctor`: looks at settings, brokers, topics, directory, processors, Redis and mail.

Prints what it found and what to do. Exit status: 0, or 1 when something fails. Changes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pydantic import ValidationError

from schemas.topics import DIRECTORY, SERVICES
from services._runtime.clock import Clock, SystemClock
from services._runtime.kafka.bounded import BrokersSilentError, TopicUnreadableError, read, slices_of
from services._runtime.kafka.clients import CLIENT_LOG, REQUEST_SECONDS, admin_config
from services._runtime.kafka.topic_admin import TopicAdmin
from services._runtime.operations import findings
from services._runtime.operations.findings import Brokers, Finding, Level
from services._runtime.operations.progress import CLIENT_ID, progress_of
from services._runtime.processor.redrive import open_letters
from services._runtime.redis_client import RedisClient
from services._runtime.settings import RuntimeSettings
from services._runtime.unavailable import RedisUnavailable

CONNECT_SECONDS: Final = 3.0
SIGNS: Final = {Level.OK: "ok  ", Level.WARN: "WARN", Level.FAIL: "FAIL"}
MAIL: Final = (("mail out (SMTP)", "smtp_host", "smtp_port"), ("mail in (IMAP)", "imap_host", "imap_port"))


class Doctor:
    """Looks everywhere. `settings` has each service's own settings type, by its name."""

    def __init__(self, settings: Mapping[str, type[RuntimeSettings]], clock: Clock) -> None:
        self._types = settings
        self._clock = clock

    def register(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add `doctor` to the command line."""
        parser = subparsers.add_parser("doctor", help="what is wrong here, and what to do about it")
        parser.add_argument("--json", action="store_true", help="one JSON object a finding and line")
        parser.set_defaults(run=self._run)

    def examine(self) -> Iterator[Finding]:
        """Everything, in the order in which things depend on each other; what rests on a failure is left out."""
        read_settings: dict[str, RuntimeSettings] = {}
        for service, kind in self._types.items():
            try:
                read_settings[service] = kind()
            except ValidationError as error:
                yield findings.of_settings(service, _problems(error))
            else:
                yield findings.of_settings(service, ())
        if not read_settings:
            return
        common = next(iter(read_settings.values()))
        yield from self._examine_kafka(common)
        yield from asyncio.run(self._examine_redis(common.redis_url))
        yield from _examine_mail(read_settings)

    def _examine_kafka(self, settings: RuntimeSettings) -> Iterator[Finding]:
        try:
            yield from findings.of_brokers(_brokers(settings), settings.replication)
            plan, _ = TopicAdmin(settings).plan()
            topics = findings.of_topics(plan)
            yield topics
            if topics.level is Level.FAIL:
                return
            yield from findings.of_directory(_entities(settings))
            now = self._clock.now()
            for progress in progress_of(settings, self._clock):
                yield findings.of_processor(progress, now)
            for service in SERVICES:
                yield findings.of_dead_letters(service, len(open_letters(settings, service, self._clock)))
        except (KafkaException, BrokersSilentError, TopicUnreadableError, TimeoutError) as error:
            yield Finding(Level.FAIL, "Kafka", str(error), f"is {settings.kafka_bootstrap} right, and does it run?")

    async def _examine_redis(self, url: str) -> list[Finding]:
        client = RedisClient(url)
        answer: Mapping[str, str] | None = None
        apart = timedelta()
        try:
            async with client.commands() as redis:
                seconds, micros = await redis.time()
                now = self._clock.now()
                answer = {name: str(value) for name, value in (await redis.info("memory")).items()}
            apart = now - datetime.fromtimestamp(seconds + micros / 1e6, UTC)
        except RedisUnavailable:
            pass  # None says it
        finally:
            await client.stop()
        return list(findings.of_redis(answer, apart))

    def _run(self, arguments: argparse.Namespace) -> int:
        failed = False
        for finding in self.examine():
            failed |= finding.level is Level.FAIL
            sys.stdout.write((json.dumps(finding._asdict()) if arguments.json else _line(finding)) + "\n")
            sys.stdout.flush()
        return int(failed)


def _line(finding: Finding) -> str:
    advice = f"  → {finding.advice}" if finding.advice else ""
    return f"{SIGNS[finding.level]}  {finding.about:<30} {finding.found}{advice}"


def _problems(error: ValidationError) -> list[str]:
    return [
        f"AFTERCARE_{'_'.join(map(str, each['loc'])).upper() or '…'}: {each['msg']}"
        for each in error.errors(include_url=False, include_input=False)
    ]


def _brokers(settings: RuntimeSettings) -> Brokers:
    metadata = AdminClient(admin_config(settings, CLIENT_ID), logger=CLIENT_LOG).list_topics(timeout=REQUEST_SECONDS)
    thin, dead = [], []
    for topic in metadata.topics.values():
        for partition in topic.partitions.values():
            name = f"{topic.topic}/{partition.id}"
            if partition.leader < 0:
                dead.append(name)
            elif len(partition.isrs) < len(partition.replicas):
                thin.append(name)
    return Brokers(len(metadata.brokers), sorted(thin), sorted(dead))


def _entities(settings: RuntimeSettings) -> dict[str, int]:
    """How many entities of each kind the directory's topics hold."""
    found: dict[str, int] = {}
    for kind, topic in DIRECTORY.items():
        there: dict[bytes, bool] = {}
        for part in slices_of(settings, CLIENT_ID, topic.name):
            for record in read(settings, CLIENT_ID, part):
                there[record.key or b""] = record.value is not None
        found[kind] = sum(there.values())
    return found


def _examine_mail(settings: Mapping[str, RuntimeSettings]) -> Iterator[Finding]:
    for about, host_name, port_name in MAIL:
        for each in settings.values():
            host, port = getattr(each, host_name, ""), getattr(each, port_name, 0)
            if host:
                yield findings.of_mail(about, f"{host}:{port}", reached=_takes_connections(host, port))


def _takes_connections(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), CONNECT_SECONDS):
            return True
    except OSError:
        return False


def doctor_of(settings: Mapping[str, type[RuntimeSettings]]) -> Doctor:
    """A doctor with the machine's clock."""
    return Doctor(settings, SystemClock())
