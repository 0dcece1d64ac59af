"""All engines do the same work: the topology, the Python peers' function and the Java program's contracts agree."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from benchmarks.engines import aftercare, reminders
from benchmarks.engines.kafka_streams import HOME
from benchmarks.memory import changelog
from benchmarks.work import KEYS, OCCURRED_AT, Seen, answer, commands, ticket_id
from schemas.contract import Contract
from schemas.ticket_commands import ReplyToCustomer
from schemas.ticket_events import AgentReplied
from services._runtime.engine.driver import START, TopologyDriver
from services._runtime.engine.engine import Engine

TOPOLOGY = aftercare.topology("in", "bench")
EVENTS = aftercare.topic("bench.events")


def test_ours_and_the_peers_write_the_same_events_for_the_same_commands() -> None:
    driver = TopologyDriver(TOPOLOGY)
    states: dict[str, Seen] = {}
    expected = []
    for offset, (_, value) in enumerate(commands(3)):
        driver.send_bytes(TOPOLOGY.inputs[0], "T-1", value)
        states["T-1"], event = answer(states.get("T-1"), "T-1", value, driver.now, f"in/0/{offset}")
        expected.append(json.loads(event))

    assert [json.loads(output.value or b"") for output in driver.read_bytes(EVENTS)] == expected
    assert driver.states() == states
    assert [event["id"] for event in expected] == ["T-1:1", "T-1:2", "T-1:3"]


def test_a_shorter_input_is_the_beginning_of_a_longer_one_and_takes_tickets_in_turn() -> None:
    keys = [key for key, _ in commands(KEYS + 2)]

    assert list(commands(5)) == list(commands(KEYS + 2))[:5]
    assert keys[:2] == keys[KEYS:] == [ticket_id(0), ticket_id(1)]


@pytest.mark.parametrize(("contract", "record"), [(ReplyToCustomer, "ReplyToCustomer"), (AgentReplied, "AgentReplied")])
def test_the_java_program_knows_the_fields_of_the_contract(contract: type[Contract], record: str) -> None:
    source = (HOME / "src" / "Contracts.java").read_text("utf-8")
    fields: Any = re.search(rf"record {record}\((.*?)\) {{", source, re.DOTALL)
    names = [
        named or plain
        for named, plain in re.findall(r'(?:@JsonProperty\("(\w+)"\) \w+ \w+|\w+ (\w+))(?:,|$)', fields.group(1))
    ]

    assert names == list(contract.model_fields)
    assert contract.type_name in source


def test_a_reminder_fires_once_when_it_is_due_and_says_for_which_ticket() -> None:
    topology = reminders.topology("in", "bench")
    driver = TopologyDriver(topology)
    dues = [(START + timedelta(seconds=60)).timestamp()]
    for key, value in reminders.wanting(7, dues):
        driver.send_bytes(topology.inputs[0], key, value)
    driver.advance(59)
    assert driver.read(EVENTS) == []

    driver.advance(3_600)

    (event,) = driver.read(EVENTS)
    assert (event.id, event.occurred_at) == (f"{ticket_id(7)}:1:remind", START + timedelta(seconds=60))


def test_the_changelog_whose_memory_is_measured_is_read_by_the_engine() -> None:
    state = Engine(reminders.topology("in", "bench")).new_partition(0)
    for key, value in changelog(3, timers=2):
        state.restore(key, value)
    state.finish_restore()

    assert len(state.entries) == 3
    assert all(len(entry.timers) == 2 for entry in state.entries.values())
    due_at = state.next_due_at()
    assert due_at is not None
    assert due_at > OCCURRED_AT
