"""What is wrong with an installation and what to do about it: pure functions over what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from services._runtime.kafka.topic_plan import Plan
from services._runtime.operations.progress import Progress

BEHIND_FOR_LONG: Final = timedelta(minutes=1)
CLOCKS_APART_MAX: Final = timedelta(seconds=1)
KINDS_NEEDED: Final = ("pools", "technicians")
KINDS_WITH_DEFAULTS: Final = ("calendars", "sla_policies")
"""Where the directory has none, the product's own hold."""


class Level(StrEnum):
    """How bad it is: `fail` stops something now, `warn` will or may."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """One thing looked at. `advice` says what to do, empty where there is nothing."""

    level: Level
    about: str
    found: str
    advice: str = ""


class Brokers(NamedTuple):
    """What the cluster says of itself: `thin` partitions have copies that are not in sync, `dead` ones no leader."""

    number: int
    thin: Sequence[str]
    dead: Sequence[str]


def of_settings(service: str, problems: Sequence[str]) -> Finding:
    """`problems`: what a service's settings refuse of the environment."""
    if problems:
        return Finding(Level.FAIL, f"settings of {service}", "; ".join(problems), "see .env.example")
    return Finding(Level.OK, f"settings of {service}", "all valid")


def of_brokers(brokers: Brokers, replication: int) -> Iterator[Finding]:
    """Enough brokers for the copies wanted, and every partition led and copied."""
    about = "brokers"
    if brokers.number < replication:
        yield Finding(
            Level.FAIL,
            about,
            f"{brokers.number} of them, {replication} copies wanted",
            "add brokers, or set AFTERCARE_REPLICATION",
        )
    elif replication == 1:
        yield Finding(
            Level.WARN, about, "one copy of everything: a lost disk loses tickets", "three brokers, three copies"
        )
    else:
        yield Finding(Level.OK, about, f"{brokers.number} of them, {replication} copies")
    if brokers.dead:
        yield Finding(Level.FAIL, "partitions", f"{_some(brokers.dead)}: no leader", "bring the brokers back")
    elif brokers.thin:
        yield Finding(Level.WARN, "partitions", f"{_some(brokers.thin)}: copies behind", "look at the brokers' logs")
    else:
        yield Finding(Level.OK, "partitions", "all led, all copies in sync")


def of_topics(plan: Plan) -> Finding:
    """The cluster's topics against those declared."""
    apply = "python -m services topics apply"
    if plan.refusals:
        return Finding(Level.FAIL, "topics", " ".join(plan.refusals))
    if plan.create:
        return Finding(Level.FAIL, "topics", f"missing: {_some([topic.name for topic in plan.create])}", apply)
    if plan.change:
        return Finding(Level.WARN, "topics", f"settings differ: {_some(sorted(plan.change))}", apply)
    return Finding(Level.OK, "topics", "as declared")


def of_directory(entities: Mapping[str, int]) -> Iterator[Finding]:
    """`entities`: how many there are of each kind."""
    load = "python -m services directory load FILE"
    missing = [kind for kind in KINDS_NEEDED if not entities.get(kind)]
    defaulted = [kind for kind in KINDS_WITH_DEFAULTS if not entities.get(kind)]
    if missing:
        yield Finding(Level.FAIL, "directory", f"none of {', '.join(missing)}", load)
    elif defaulted:
        yield Finding(Level.WARN, "directory", f"none of {', '.join(defaulted)}: the product's own hold", load)
    else:
        yield Finding(Level.OK, "directory", ", ".join(f"{number} {kind}" for kind, number in entities.items()))


def of_processor(progress: Progress, now: datetime) -> Finding:
    """Whether somebody works, and keeps up."""
    about = f"processor {progress.processor}"
    if not progress.members:
        return Finding(Level.FAIL, about, "nobody works", f"start {progress.processor.partition('.')[0]}")
    since = progress.waiting_since
    if since is not None and now - since > BEHIND_FOR_LONG:
        waits = int((now - since).total_seconds())
        return Finding(
            Level.WARN,
            about,
            f"{progress.records} records behind, the oldest waits for {waits} s",
            "more processes, up to one a partition; see python -m services lag --partitions",
        )
    return Finding(Level.OK, about, f"{len(progress.members)} at work, {progress.records} records behind")


def of_dead_letters(service: str, number: int) -> Finding:
    """What was set aside and waits for somebody."""
    if number:
        return Finding(
            Level.WARN, f"dead letters of {service}", f"{number} open", f"python -m services dlq list {service}"
        )
    return Finding(Level.OK, f"dead letters of {service}", "none")


def of_redis(answer: Mapping[str, str] | None, apart: timedelta) -> Iterator[Finding]:
    """`answer`: what Redis says of its memory policy, None without one; `apart`: how far its clock is from ours."""
    if answer is None:
        yield Finding(
            Level.FAIL,
            "Redis",
            "does not answer",
            "tickets go on, progress pages and repeated calls don't: see AFTERCARE_REDIS_URL",
        )
        return
    if answer.get("maxmemory_policy", "noeviction") != "noeviction":
        policy = answer["maxmemory_policy"]
        yield Finding(Level.WARN, "Redis", f"drops keys when it is full ({policy})", "maxmemory-policy noeviction")
    else:
        yield Finding(Level.OK, "Redis", "answers, drops no keys")
    if abs(apart) > CLOCKS_APART_MAX:
        found = f"this machine and Redis' are {abs(apart).total_seconds():.1f} s apart"
        yield Finding(Level.WARN, "clocks", found, "NTP on every machine: timers fire by the clock of their process")
    else:
        yield Finding(Level.OK, "clocks", "in step with Redis'")


def of_mail(about: str, address: str, *, reached: bool) -> Finding:
    """Whether a mail server takes connections."""
    if reached:
        return Finding(Level.OK, about, f"{address} takes connections")
    return Finding(Level.FAIL, about, f"{address} takes no connections", "mail waits until it does")


def _some(names: Sequence[str], shown: int = 5) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")
