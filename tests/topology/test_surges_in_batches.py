"""Verdicts are counted many at once, which comes to the same as one after the other, whatever lies among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, Final

import msgspec
import pytest

from schemas import envelope
from schemas.dead_letters import Reason
from schemas.ticket_sla import TargetBreached, TargetBreachRetracted, TargetMet, TargetStarted
from schemas.topics import TICKET_SLA
from services._runtime.directory.directory import Directory
from services._runtime.engine.batch import Batch
from services._runtime.engine.driver import START
from services._runtime.engine.engine import Engine
from services._runtime.engine.records import Record
from services._runtime.engine.topology import Change, Context, Counted, Topology
from services.sla_monitor.adapters.terms import DirectoryTerms
from services.sla_monitor.handlers import surges_topology
from services.sla_monitor.handlers.surges import TALLY_PREFIX
from services.sla_monitor.settings import SlaMonitorSettings
from services.sla_monitor.state import SurgeState, Tally
from tests.topology.verdicts import told

PARTITIONS: Final = 3
KINDS: Final = (TargetBreached, TargetMet, TargetBreachRetracted, TargetStarted)


def _topology() -> Topology[SurgeState]:
    settings = SlaMonitorSettings.model_validate({"secret": "s" * 32})
    return surges_topology(DirectoryTerms(Directory(), settings))


def _record(number: int, contract: Any = TargetBreached, **given: Any) -> Record:
    ticket = f"T-{number:05}"
    tenant, age = given.pop("tenant", "acme"), given.pop("age", timedelta(0))
    data = told(contract, ticket, START - age, **given)
    value = envelope.encode(
        type_name=contract.type_name,
        event_id=f"{ticket}:{contract.type_name}",
        source="/test",
        time=START,
        subject=ticket,
        tenant=tenant,
        data=data,
    )
    return Record(TICKET_SLA.name, number % PARTITIONS, number, ticket.encode(), value)


def _decided(
    records: Sequence[Record], at_once: int, topology: Topology[SurgeState] | None = None
) -> tuple[dict[tuple[int, str], SurgeState], list[Batch[SurgeState]]]:
    """The states after `records` in batches of so many, and the batches."""
    engine = Engine(topology or _topology())
    for partition in range(PARTITIONS):
        engine.partitions[partition] = engine.new_partition(partition)
    batches = []
    for first in range(0, len(records), at_once):
        batches.append(batch := engine.begin(START))
        engine.process(batch, records[first : first + at_once])
        list(engine.changelog(batch))
        engine.commit(batch)
    return {
        (partition, key): entry.state
        for partition, state in engine.partitions.items()
        for key, entry in state.entries.items()
    }, batches


def _any_verdicts(seed: int) -> list[Record]:
    random = Random(seed)
    return [
        _record(
            number,
            random.choice(KINDS),
            pool=random.choice(["north", "south", None]),
            priority=random.choice([f"P{level}" for level in range(20)]),
            tenant=random.choice(["acme", "umbrella"]),
            age=random.choice([timedelta(0), timedelta(minutes=59), timedelta(minutes=61)]),
        )
        for number in range(400)
    ]


def _sent_again(record: Record) -> Record:
    """The record as it comes back from the dead letters."""
    retries = _topology().retries
    assert retries is not None
    return msgspec.structs.replace(record, topic=retries.name, redriven=True, first_offset=0)


def _breached(states: Iterable[SurgeState]) -> int:
    return sum(level.breached for state in states if isinstance(state, Tally) for level in state.levels.values())


@pytest.mark.parametrize("seed", range(5))
def test_many_at_once_come_to_what_they_come_to_one_by_one(seed: int) -> None:
    records = _any_verdicts(seed)
    one_by_one, _ = _decided(records, 1, replace(_topology(), counted={}))
    assert one_by_one
    for at_once in (1, 7, len(records)):
        assert _decided(records, at_once)[0] == one_by_one


def test_what_breaks_its_contract_is_set_aside_and_the_others_count() -> None:
    records = [_record(number) for number in range(30)]
    broken = [b"no JSON", b"{}", (records[20].value or b"").replace(b"T-00020", b"\xff")]
    for number, value in enumerate(broken):
        records[number * 10] = msgspec.structs.replace(records[number * 10], value=value)
    states, (batch,) = _decided(records, len(records))
    assert batch.set_aside == {Reason.UNDECODABLE: 3}
    assert _breached(states.values()) == 27
    assert batch.records_by_topic == {TICKET_SLA.name: 30}


def test_what_raises_when_counted_with_others_counts_by_itself() -> None:
    topology = _topology()
    counted = topology.counted[TICKET_SLA.name]

    def on_counted(views: Sequence[Any], context: Context) -> Sequence[Change[SurgeState]]:
        if any(view.data.ticket_id == "T-00004" for view in views):
            raise ValueError("not this one")
        return counted.on_counted(views, context)

    raising = replace(topology, counted={TICKET_SLA.name: Counted(counted.view, on_counted)})
    states, (batch,) = _decided([_record(number) for number in range(30)], 30, raising)
    assert not batch.set_aside
    assert _breached(states.values()) == 30


def test_what_is_aborted_has_not_been_counted() -> None:
    engine = Engine(_topology())
    for partition in range(PARTITIONS):
        engine.partitions[partition] = engine.new_partition(partition)
    records = [_record(number) for number in range(30)]
    aborted = engine.begin(START)
    engine.process(aborted, records)
    engine.abort(aborted)
    batch = engine.begin(START)
    engine.process(batch, records)
    engine.commit(batch)
    tallies = [engine.partitions[partition].entries[f"{TALLY_PREFIX}acme:north"].state for partition in range(3)]
    assert _breached(tallies) == 30


def test_what_was_sent_again_counts_once() -> None:
    states, (batch,) = _decided([_record(0), _sent_again(_record(1)), _record(2)], 3)
    assert not batch.set_aside
    assert _breached(states.values()) == 3


def test_what_may_have_to_wait_is_not_counted_at_once() -> None:
    with pytest.raises(ValueError, match="can't be parked"):
        replace(_topology(), parks=True)
