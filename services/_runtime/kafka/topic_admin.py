"""`python -m services topics apply|describe`: make the cluster's topics what `schemas.topics` declares.

Applying again changes nothing. What would move keys is refused as a whole before anything is done. Exit status: 0
done, 1 Kafka did not answer or did not do it, 3 refused.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from confluent_kafka.cimpl import NewTopic

from schemas.topic_settings import broker_settings, partitions_of
from schemas.topics import NOTES, TOPICS, Topic
from services._runtime.kafka.clients import CLIENT_LOG, admin_config
from services._runtime.kafka.topic_notes import read_notes, write_notes
from services._runtime.kafka.topic_plan import Found, Plan, plan
from services._runtime.settings import KafkaSettings

CLIENT_ID: Final = "topic-admin"
REQUEST_SECONDS: Final = 30.0
REFUSED: Final = 3
FAILED: Final = 1


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `topics apply` and `topics describe` to the command line."""
    commands = subparsers.add_parser("topics", help="the topics of the cluster").add_subparsers(required=True)
    commands.add_parser("apply", help="create what is missing, change what may change").set_defaults(run=_run_apply)
    commands.add_parser("describe", help="what is declared and what is there").set_defaults(run=_run_describe)


class TopicAdmin:
    """A cluster's topics, read and changed with bounded waits.

    Every method raises `KafkaException` when the brokers do not answer in time or refuse.
    """

    def __init__(self, settings: KafkaSettings, topics: Iterable[Topic] = TOPICS, notes: Topic = NOTES) -> None:
        self._settings = settings
        self._topics = tuple(topics)
        self._notes = notes
        self._admin = AdminClient(admin_config(settings, CLIENT_ID), logger=CLIENT_LOG)

    def plan(self) -> tuple[Plan, Mapping[str, Found]]:
        """What is to do, and what is there."""
        found = self._found()
        notes = read_notes(self._settings, self._notes.name, CLIENT_ID) if self._notes.name in found else {}
        return plan(self._topics, found, notes, self._settings.partitions), found

    def carry_out(self, what: Plan) -> None:
        """Do what a plan without refusals says; in this order, so that it can be done again after a failure."""
        self._create(what.create)
        self._change(what.change)
        if what.note:
            write_notes(self._settings, self._notes.name, what.note, CLIENT_ID)

    def _found(self) -> dict[str, Found]:
        there = self._admin.list_topics(timeout=REQUEST_SECONDS).topics
        names = [topic.name for topic in self._topics if topic.name in there]
        if not names:
            return {}
        asked = self._admin.describe_configs(
            [ConfigResource(ResourceType.TOPIC, name) for name in names], request_timeout=REQUEST_SECONDS
        )
        settings = {resource.name: _result(future) for resource, future in asked.items()}
        return {
            name: Found(
                partitions=len(there[name].partitions),
                replication=len(there[name].partitions[0].replicas),
                settings={entry.name: str(entry.value) for entry in settings[name].values()},
            )
            for name in names
        }

    def _create(self, topics: Iterable[Topic]) -> None:
        settings = self._settings
        new = [
            NewTopic(
                topic.name,
                partitions_of(topic, settings.partitions),
                settings.replication,
                config=broker_settings(topic, settings.replication),
            )
            for topic in topics
        ]
        if not new:
            return
        made = self._admin.create_topics(new, operation_timeout=REQUEST_SECONDS, request_timeout=2 * REQUEST_SECONDS)
        for future in made.values():
            try:
                _result(future)
            except KafkaException as error:
                # Someone else applies at the same time; the plan made afterwards says whether it came out right.
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise

    def _change(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        resources = [
            ConfigResource(
                ResourceType.TOPIC,
                name,
                incremental_configs=[
                    ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                    for key, value in settings.items()
                ],
            )
            for name, settings in changes.items()
        ]
        if resources:
            for future in self._admin.incremental_alter_configs(resources, request_timeout=REQUEST_SECONDS).values():
                _result(future)


def apply(admin: TopicAdmin) -> tuple[int, list[str]]:
    """Bring the topics to what is declared; the exit status and the lines to show.

    Raises:
        KafkaException: the brokers did not answer or refused; run it again.
    """
    what, _ = admin.plan()
    if what.refusals:
        return REFUSED, [*what.refusals, "Nothing was changed."]
    admin.carry_out(what)
    left, _ = admin.plan()
    lines = [f"created {topic.name}" for topic in what.create]
    lines += [f"changed {name}: {_words(settings)}" for name, settings in what.change.items()]
    if left.refusals or left.create:
        return REFUSED, [*lines, *left.refusals, *(f"{topic.name} is not there yet" for topic in left.create)]
    return 0, lines or ["all topics are as declared"]


def describe(admin: TopicAdmin, topics: Iterable[Topic] = TOPICS) -> list[str]:
    """A line for each declared topic, then what applying would refuse.

    Raises:
        KafkaException: the brokers did not answer.
    """
    what, found = admin.plan()
    lines = []
    for topic in topics:
        there = found.get(topic.name)
        if there is None:
            lines.append(f"{topic.name:<36} missing")
            continue
        kept = "compacted" if topic.compacted else f"{topic.retention_hours} h"
        change = what.change.get(topic.name)
        state = f"to change: {_words(change)}" if change else "as declared"
        lines.append(
            f"{topic.name:<36} {there.partitions:>4} partitions × {there.replication}  {kept:<10} "
            f"key: {topic.key:<14} {state}"
        )
    return lines + [f"refused: {refusal}" for refusal in what.refusals]


def _words(settings: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))


def _result(future: Future[Any]) -> Any:
    return future.result(timeout=2 * REQUEST_SECONDS)


def _run_apply(arguments: argparse.Namespace) -> int:
    del arguments
    try:
        status, lines = apply(TopicAdmin(KafkaSettings()))
    except (KafkaException, TimeoutError) as error:
        return _failed(error)
    (sys.stderr if status else sys.stdout).write("".join(f"{line}\n" for line in lines))
    return status


def _run_describe(arguments: argparse.Namespace) -> int:
    del arguments
    try:
        lines = describe(TopicAdmin(KafkaSettings()))
    except (KafkaException, TimeoutError) as error:
        return _failed(error)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _failed(error: Exception) -> int:
    sys.stderr.write(f"Kafka: {error}\n")
    return FAILED
