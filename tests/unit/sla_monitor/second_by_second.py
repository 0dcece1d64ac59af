"""The rules of sla-cases.md once more, the slow way: one byte for each second, no arithmetic on intervals.

Written to share nothing with the service: wall times are found by asking each minute of the year what its wall time
is, open and paused seconds are bytes, elapsed is counting bytes, due is finding the n-th one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import compress, count, islice
from typing import Any
from zoneinfo import ZoneInfo

DAYS_BEFORE = 2
DAYS_AFTER = 7
BLOCK = 4096
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PAUSES = {"resolution": ["pending", "on_hold"], "periodic_update": ["pending"]}


@dataclass
class Run:
    """One cycle as the model sees it; `first` and `last` are places in the list of events."""

    name: str
    first: int
    last: int | None = None
    cancelled: bool = False
    verdict: dict[str, Any] = field(default_factory=dict)


class Model:
    """One case around `base` (a UTC day). Seconds count from two days before it."""

    def __init__(self, case: dict[str, Any], base: date) -> None:
        self.case = case
        self.zero = datetime(base.year, base.month, base.day, tzinfo=UTC) - timedelta(days=DAYS_BEFORE)
        self.end = (DAYS_BEFORE + DAYS_AFTER) * 86400
        self.open = self._open_seconds(base)
        self.look_at(case["now"])

    def look_at(self, now: str) -> None:
        """Judge at another time from now on."""
        self.now = self.second(now)
        self.events = [event for event in self.case["events"] if self.second(event["at"]) <= self.now]

    def second(self, text: str) -> int:
        return int((datetime.fromisoformat(text) - self.zero).total_seconds())

    def verdicts(self) -> dict[str, list[dict[str, Any] | None]]:
        """For each target, the verdict of each cycle in order; None where the priority lacks the target."""
        found: dict[str, list[dict[str, Any] | None]] = {}
        for run in self._runs() if self.events else ():
            found.setdefault(run.name, []).append(self._verdict(run))
        return found

    def _open_seconds(self, base: date) -> bytes:
        calendar = self.case["calendar"]
        if calendar is None:
            return b"\x01" * self.end
        seconds = bytearray(self.end)
        first_minute_of = wall_minutes(calendar["timezone"], base)
        for offset in range(-DAYS_BEFORE - 2, DAYS_AFTER + 3):
            day = base + timedelta(days=offset)
            intervals = calendar["hours"].get(WEEKDAYS[day.weekday()], [])
            if day.isoformat() in calendar["holidays"]:
                intervals = []
            intervals = calendar["overrides"].get(day.isoformat(), intervals)
            for opens, closes in intervals:
                start = max(0, min(self.end, self._wall_second(first_minute_of, day, opens)))
                stop = max(0, min(self.end, self._wall_second(first_minute_of, day, closes)))
                if start < stop:
                    seconds[start:stop] = b"\x01" * (stop - start)
        return bytes(seconds)

    def _wall_second(self, first_minute_of: dict[datetime, datetime], day: date, text: str) -> int:
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a wall time has no zone
        wall = midnight + timedelta(hours=int(text[:2]), minutes=int(text[3:]))
        if wall not in first_minute_of:  # a gap: as far behind it as the wall time is inside
            before, after = wall, wall
            while before not in first_minute_of:
                before -= timedelta(minutes=1)
            while after not in first_minute_of:
                after += timedelta(minutes=1)
            wall += after - before - timedelta(minutes=1)
        return int((first_minute_of[wall] - self.zero).total_seconds())

    def _runs(self) -> Iterator[Run]:
        """The cycles, in the order of their starts for each target."""
        yield from self._once("assignment", {"assigned"})
        yield from self._once("first_response", {"agent_replied"})
        yield from self._once("registration", {"registered"})
        yield from self._once("emergency_plan", {"plan_submitted"})
        yield from self._once("solution_offered", {"status:in_review"})
        yield from self._updates()
        yield from self._asked_for("manual_escalation", "escalation_requested", {"acknowledged", "plan_submitted"})
        yield from self._asked_for("escalation_plan", "plan_wanted", {"plan_submitted"})
        yield from self._asked_for("dissatisfaction", "rated_low", {"acknowledged", "plan_submitted"})
        yield from self._after_the_end("customer_notified", "resolved", "customer_notified", "never")
        yield from self._after_the_end("survey", "closed", "survey_offered", "survey_waived")
        resolved_at_place = self._resolved_after()
        waiting: Run | None = None
        answered = False
        for place, event in enumerate(self.events):
            ends = event["type"] in {"resolved", "closed"}
            if event["type"] == "customer_replied" and answered and waiting is None:
                if not resolved_at_place[place]:
                    waiting = Run("next_response", place)
            elif (event["type"] == "agent_replied" or ends) and waiting is not None:
                waiting.last = place
                yield waiting
                waiting = None
            answered = answered or event["type"] == "agent_replied" or ends
        if waiting is not None:
            yield waiting
        resolution: Run | None = Run("resolution", 0)
        for place, event in enumerate(self.events):
            if event["type"] in {"resolved", "closed"} and resolution is not None:
                resolution.last = place
                yield resolution
                resolution = None
            elif event["type"] == "reopened" and resolution is None:
                resolution = Run("resolution", place)
        if resolution is not None:
            yield resolution

    def _once(self, name: str, stops: set[str]) -> Iterator[Run]:
        for place, event in enumerate(self.events):
            if {event["type"], f"{event['type']}:{event.get('to')}"} & (stops | {"resolved", "closed"}):
                yield Run(name, 0, place)
                return
        yield Run(name, 0)

    def _updates(self) -> Iterator[Run]:
        """From each word to the customer, and from a reopening, to the next word or the end."""
        resolved = self._resolved_after()
        begun: int | None = None
        for place, event in enumerate(self.events):
            ends_now = resolved[place] and not (place > 0 and resolved[place - 1])
            if begun is not None and (event["type"] == "agent_replied" or ends_now):
                yield Run("periodic_update", begun, place)
                begun = None
            reopens = event["type"] == "reopened" and resolved[place - 1] and place > 0
            if begun is None and not resolved[place] and (event["type"] == "agent_replied" or reopens):
                begun = place
        if begun is not None:
            yield Run("periodic_update", begun)

    def _asked_for(self, name: str, start: str, stops: set[str]) -> Iterator[Run]:
        """From a request to its answer. What the end of a ticket means to it differs from one to the other."""
        resolved = self._resolved_after()
        begun: int | None = None
        for place, event in enumerate(self.events):
            was = place > 0 and resolved[place - 1]
            ends_now = resolved[place] and not was and name != "dissatisfaction"
            taken_back = was and not resolved[place] and name == "dissatisfaction"
            if begun is not None and (event["type"] in stops or ends_now or taken_back):
                yield Run(name, begun, place, taken_back)
                begun = None
            elif begun is None and event["type"] == start and not (resolved[place] and name == "manual_escalation"):
                begun = place
        if begun is not None:
            yield Run(name, begun)

    def _after_the_end(self, name: str, start: str, stop: str, waiver: str) -> Iterator[Run]:
        """From the solution or the closing, each the first since the ticket was opened or reopened."""
        resolved = self._resolved_after()
        begun: int | None = None
        closed = False
        for place, event in enumerate(self.events):
            was = place > 0 and resolved[place - 1]
            reopens = event["type"] == "reopened" and was
            if begun is not None and (event["type"] in {stop, waiver} or reopens):
                yield Run(name, begun, place, event["type"] != stop)
                begun = None
            first = not closed if start == "closed" else not was
            if begun is None and event["type"] == start and first:
                begun = place
            closed = (closed or event["type"] == "closed") and not reopens
        if begun is not None:
            yield Run(name, begun)

    def _resolved_after(self) -> list[bool]:
        resolved, flags = False, []
        for event in self.events:
            if event["type"] in {"resolved", "closed"}:
                resolved = True
            elif event["type"] == "reopened":
                resolved = False
            flags.append(resolved)
        return flags

    def _in_force(self, place: int) -> tuple[str, str]:
        """Priority and status right after the event at `place`."""
        priority, status, resolved = "", "open", False
        for event in self.events[: place + 1]:
            if event["type"] == "opened":
                priority = event["priority"]
            elif event["type"] == "priority":
                priority = event["to"]
            elif event["type"] == "status":
                status = event["to"]
            elif event["type"] in {"resolved", "closed"}:
                resolved = True
            elif event["type"] == "reopened" and resolved:
                status, resolved = "open", False
        return priority, status

    def _target(self, place: int, name: str) -> dict[str, Any] | None:
        named: dict[str, dict[str, Any]] = self.case["targets"].get(self._in_force(place)[0], {})
        return named.get(name)

    def _pauses(self, place: int, name: str) -> bool:
        return self._in_force(place)[1] in self._pause_on(self._target(place, name) or {}, name)

    def _pause_on(self, target: dict[str, Any], name: str) -> list[str]:
        if name == "next_response":
            return []
        statuses: list[str] = target.get("pause_on", PAUSES.get(name, []))
        return statuses

    def _verdict(self, run: Run) -> dict[str, Any] | None:
        last = len(self.events) - 1 if run.last is None else run.last - 1
        target = self._target(last, run.name)
        start = self.second(self.events[run.first]["at"])
        stop = None if run.last is None else self.second(self.events[run.last]["at"])
        counting = bytearray(self.open)
        counting[:start] = bytes(start)
        for place in range(run.first, last + 1):
            if self._pauses(place, run.name):
                begin = self.second(self.events[place]["at"])
                end = self.end if place == last else self.second(self.events[place + 1]["at"])
                counting[begin:end] = bytes(end - begin)
        paused = self._pauses(last, run.name)
        superseded = self._superseded(run, last, counting)
        if target is None:
            return None
        due = self._nth(counting, target["seconds"])
        end = self.now if stop is None else stop
        if due is not None and end > due:
            state = "breached"
        elif stop is not None:
            state = "cancelled" if run.cancelled else "met"
        else:
            state, due = ("paused", None) if paused else ("running", due)
        unknown = due is None and not paused
        return {
            "state": state,
            "due": "beyond" if unknown else due,
            "elapsed": counting.count(1, start, end),
            "superseded": superseded,
        }

    def _superseded(self, run: Run, last: int, counting: bytearray) -> list[tuple[str, int]]:
        """State and end of each earlier generation that had a target."""
        found = []
        for place in range(run.first, last):
            old, new = self._target(place, run.name), self._target(place + 1, run.name)
            if self._meaning(old, run.name) != self._meaning(new, run.name) and old is not None:
                until = self.second(self.events[place + 1]["at"])
                due = self._nth(counting, old["seconds"])
                found.append(("breached" if due is not None and until > due else "superseded", until))
        return found

    def _meaning(self, target: dict[str, Any] | None, name: str) -> object:
        return target and (target["seconds"], set(self._pause_on(target, name)))

    def _nth(self, counting: bytearray, seconds: int) -> int | None:
        """The end of the n-th counting second, None if there are fewer."""
        left = seconds
        for block in range(0, self.end, BLOCK):
            ones = counting.count(1, block, block + BLOCK)
            if left <= ones:
                return next(islice(compress(count(block + 1), counting[block : block + BLOCK]), left - 1, None))
            left -= ones
        return None


@lru_cache(maxsize=64)
def wall_minutes(zone_name: str, base: date) -> dict[datetime, datetime]:
    """The first UTC minute that shows each wall minute."""
    zone = ZoneInfo(zone_name)
    start = datetime(base.year, base.month, base.day, tzinfo=UTC) - timedelta(days=DAYS_BEFORE + 4)
    minutes = (start + timedelta(minutes=n) for n in range((DAYS_BEFORE + DAYS_AFTER + 8) * 1440))
    found: dict[datetime, datetime] = {}
    for minute in minutes:
        found.setdefault(minute.astimezone(zone).replace(tzinfo=None), minute)
    return found
