"""How many events one processor process takes a second, beside a bare client loop doing the same work.

Work: decode and validate a real command (twelve fields and more), look up and change state, emit one ticket event,
write the changelog, commit offsets; all in transactions. The bare loop does the same with neither engine, timers,
dead letters nor rebalancing: it is the limit of this client in this language.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.work import BENCH_PARTITIONS, BenchTopics, Seen, bench_topology, command, decide_reply
from schemas import envelope
from schemas.ticket_commands import ReplyToCustomer
from services._runtime.kafka.clients import consumer_config, producer_config
from services._runtime.processor.processor import Processor
from services._runtime.settings import RuntimeSettings

ROOT = Path(__file__).resolve().parents[1]
KEYS = 10_000
FILL_SECONDS = 120.0
RUN_SECONDS = 240.0
HEADERS: Final[list[tuple[str, str | bytes | None]]] = [envelope.CONTENT_TYPE_HEADER]
_runs = count(1)


@dataclass(frozen=True)
class Speed:
    """One measured run: events a second of wall time, microseconds of this process's CPU an event."""

    engine: str
    events: int
    events_per_second: float
    cpu_microseconds: float


def settings_for(bootstrap: str) -> RuntimeSettings:
    """Return settings that point at a broker."""
    return RuntimeSettings(kafka_bootstrap=bootstrap, secret="x" * 32, replication=1)  # type: ignore[arg-type]


def make_topics(bootstrap: str, topics: BenchTopics, *, with_input: bool) -> None:
    """Create the topics of a run."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = [topics.events, topics.changelog, topics.dead_letters] + ([topics.commands] if with_input else [])
    compact = {"cleanup.policy": "compact"}
    new = [
        NewTopic(each.name, BENCH_PARTITIONS, 1, config=compact if each is topics.changelog else {}) for each in names
    ]
    for future in admin.create_topics(new).values():
        future.result(timeout=30)


def fill(bootstrap: str, topics: BenchTopics, events: int) -> None:
    """Write the input once; every engine reads the same."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "compression.type": "lz4", "linger.ms": 20}
    )
    for number in range(events):
        key = f"T-{number % KEYS:05d}"
        value = command(key, number)
        while True:
            try:
                producer.produce(topics.commands.name, key=key.encode(), value=value, headers=HEADERS)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(FILL_SECONDS):
        raise TimeoutError("the input was not written in time")


def run_processor(bootstrap: str, topics: BenchTopics, events: int) -> Speed:
    """Run our processor until it has committed `events`."""
    done = 0

    def counted(effects: Sequence[Any]) -> None:
        nonlocal done
        done += len(effects)

    processor = Processor(bench_topology(topics), settings_for(bootstrap), on_effects=counted)
    processor.start()
    _wait(lambda: done > 0)
    first, cpu, began = done, _cpu_seconds(), time.monotonic()
    _wait(lambda: done >= events)
    seconds, cpu = time.monotonic() - began, _cpu_seconds() - cpu
    processor.request_stop()
    processor.join(10)
    return Speed("aftercare", events, (done - first) / seconds, cpu / (done - first) * 1e6)


def run_bare_loop(bootstrap: str, topics: BenchTopics, events: int) -> Speed:
    """Run the same work in a loop of nothing but client calls, on all partitions, until `events` are committed."""
    settings = settings_for(bootstrap)
    writer = f"bare-{topics.events.name}"
    consumer = Consumer(consumer_config(settings, writer, writer))
    producer = Producer(producer_config(settings, writer))
    producer.init_transactions(10)
    consumer.subscribe([topics.commands.name])
    encode_state = msgspec.msgpack.Encoder().encode
    states: dict[bytes, Seen] = {}
    done = first = 0
    began = cpu = 0.0
    deadline = time.monotonic() + RUN_SECONDS
    while done < events and time.monotonic() < deadline:
        messages = consumer.consume(4_000, 0.008)
        if not messages:
            continue
        producer.begin_transaction()
        offsets: dict[int, int] = {}
        changed: dict[bytes, tuple[int, Seen]] = {}
        taken = 0
        for message in messages:
            if message.error() is not None:
                if (message.error() or KafkaError(KafkaError.NO_ERROR)).code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name
                    raise RuntimeError(message.error())
                continue
            taken += 1
            key, partition, offset = message.key() or b"", message.partition() or 0, message.offset() or 0
            head = envelope.decode_head(message.value() or b"")
            data: ReplyToCustomer = envelope.decode_data(head.type, head.data)
            position = f"{topics.commands.name}/{partition}/{offset}"
            state, replied = decide_reply(states.get(key), key.decode(), head.id, data, head.time, position)
            value = envelope.encode(
                type_name=envelope.type_name_of(replied),
                event_id=f"{head.subject}:{state.sequence}",
                source="/aftercare/bench",
                time=head.time,
                subject=head.subject,
                tenant=head.tenant,
                data=replied,
            )
            producer.produce(topics.events.name, key=key, value=value, headers=HEADERS)
            states[key] = state
            changed[key] = (partition, state)
            offsets[partition] = offset + 1
        for key, (partition, state) in changed.items():
            producer.produce(topics.changelog.name, key=key, value=encode_state(state), partition=partition)
        ends = [TopicPartition(topics.commands.name, each, offset) for each, offset in offsets.items()]
        if ends:
            producer.send_offsets_to_transaction(ends, consumer.consumer_group_metadata())
        producer.commit_transaction()
        if not began and taken:
            first, cpu, began = taken, _cpu_seconds(), time.monotonic()
        done += taken
    seconds, cpu = time.monotonic() - began, _cpu_seconds() - cpu
    consumer.close()
    return Speed("bare loop", events, (done - first) / seconds, cpu / (done - first) * 1e6)


ENGINES = {"aftercare": run_processor, "bare loop": run_bare_loop}


def measure(bootstrap: str, events: int, rounds: int) -> list[Speed]:
    """Run every engine `rounds` times, turn about, each in a fresh process on the same input."""
    inputs = BenchTopics.named(f"bench-{time.monotonic_ns()}")
    make_topics(bootstrap, inputs, with_input=True)
    fill(bootstrap, inputs, events)
    speeds: list[Speed] = []
    for _ in range(rounds):
        for engine in ENGINES:
            topics = inputs.with_own_outputs(f"{inputs.commands.name}-{next(_runs)}")
            make_topics(bootstrap, topics, with_input=False)
            order = json.dumps([engine, bootstrap, inputs.commands.name, topics.prefix, events])
            command_line = [sys.executable, "-m", "benchmarks.throughput", order]
            answer = subprocess.run(
                command_line, cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS, check=True
            )
            speeds.append(Speed(**json.loads(answer.stdout.splitlines()[-1])))
    return speeds


def main() -> None:
    """Run one engine as ordered by the first argument, and print its speed as JSON."""
    engine, bootstrap, commands, prefix, events = json.loads(sys.argv[1])
    topics = BenchTopics.named(prefix).reading(commands)
    print(json.dumps(msgspec.to_builtins(ENGINES[engine](bootstrap, topics, events))))


def _wait(condition: Any) -> None:
    deadline = time.monotonic() + RUN_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the run did not end in time")
        time.sleep(0.005)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
