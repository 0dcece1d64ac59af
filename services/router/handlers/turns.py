"""What was decided together, and when: told of every batch, a pool at a time, so that it can be decided again."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from schemas.routing_turns import RecordSpan, TurnTaken
from schemas.topics import ROUTING_TURNS
from services._runtime.engine.dead_letters import NO_OFFSET
from services._runtime.engine.records import Record
from services._runtime.engine.topology import Context, Emit, Handled, Timer, firing_id
from services.router.state import pool_of

Place = tuple[str, int]
Row = tuple[Place, Place]


def turns_taken(handled: Handled, context: Context) -> Sequence[Emit]:
    """One event for each pool that had its turn, named by what came first in it."""
    rows = _rows(handled)
    timers: dict[str, list[tuple[str, Timer]]] = {}
    for key, timer in handled.timers:
        timers.setdefault(pool_of(key), []).append((key, timer))
    raised = {each.value for each in handled.set_aside if each.offset == NO_OFFSET}
    return [
        _turn(pool, rows.get(pool, ()), timers.get(pool, ()), raised, context)
        for pool in dict.fromkeys((*rows, *timers))
        if pool
    ]


def pool_of_record(record: Record) -> str:
    """The pool that a record is about: its key, but where it only wakes a timer that raised."""
    key = (record.key or b"").decode(errors="replace")
    return pool_of(key) if record.redriven and record.value is None else key


def _rows(handled: Handled) -> dict[str, list[Row]]:
    """First and last place of what was decided in a row, by pool; what was set aside ends a row."""
    set_aside = {(each.topic, each.offset) for each in handled.set_aside}
    rows: dict[str, list[Row]] = {}
    broken: set[str] = set()
    for record in handled.records:
        pool, place = pool_of_record(record), (record.topic, record.offset)
        if place in set_aside:
            broken.add(pool)
            continue
        mine = rows.setdefault(pool, [])
        if mine and pool not in broken and mine[-1][0][0] == record.topic:
            mine[-1] = (mine[-1][0], place)
        else:
            broken.discard(pool)
            mine.append((place, place))
    return rows


def _turn(
    pool: str,
    rows: Sequence[Row],
    timers: Sequence[tuple[str, Timer]],
    raised: AbstractSet[bytes | None],
    context: Context,
) -> Emit:
    records = [RecordSpan.new(topic=first[0], first_offset=first[1], last_offset=last[1]) for first, last in rows]
    data = TurnTaken.new(
        pool=pool,
        decided_at=context.now,
        records=records,
        timers=len(timers),
        timers_raised=[number for number, each in enumerate(timers) if raised and firing_id(*each).encode() in raised],
    )
    event_id = f"{pool}:turn:{_name(rows, timers)}"
    return Emit(ROUTING_TURNS, pool, data, id=event_id, occurred_at=context.now, subject=pool)


def _name(rows: Sequence[Row], timers: Sequence[tuple[str, Timer]]) -> str:
    if rows:
        topic, offset = rows[0][0]
        return f"{topic}/{offset}"
    return firing_id(*timers[0])
