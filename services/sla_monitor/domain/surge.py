"""When breaches of a pool are a surge: one alarm for a pool and level, however many breaches it has.

A surge begins when, within a sliding window, a policy's count of breaches is reached, or when they use up the error
budget of its objective so many times faster than allowed (the burn rate of Google's SRE workbook, chapter 5). It ends
once both have fallen below half, so that it does not flicker at the threshold. Windows slide by buckets and go by when
verdicts were counted: a sweep after an outage, which breaches at once what came due over hours, is one surge too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from schemas.pool_sla import SURGE_TICKETS_MAX
from services.sla_monitor.domain.conditions import FOR_ALL, Conditions, Profile, parse_conditions
from services.sla_monitor.domain.forms import Place, fields, span_us, whole
from services.sla_monitor.domain.instants import SECOND_US

BUCKETS: Final = 30
TICKETS_MAX: Final = SURGE_TICKETS_MAX
RULES_MAX: Final = 16
_CONDITIONS: Final = frozenset({"pool", "priority"})
_WINDOW_MAX_US: Final = 86_400 * SECOND_US
_VERDICTS_MAX: Final = 1_000_000
_BURN_MAX: Final = 1_000_000.0


class SurgeRule(msgspec.Struct, frozen=True):
    """What a surge is, for the pools and levels that `when` holds for.

    `breaches` within the window, or, where there is an `objective` (the share of verdicts to be met), a `burn_rate` of
    at least that with `verdicts_min` verdicts in the window: of three, one that is late says little.
    """

    window_us: int
    breaches: int
    objective: float | None = None
    burn_rate: float | None = None
    verdicts_min: int = 1
    when: Conditions = FOR_ALL


class Bucket(NamedTuple):
    """Verdicts counted from `at_us` on, for a bucket's time."""

    at_us: int
    breached: int
    met: int


class Levels(NamedTuple):
    """What a window comes to. `burn_rate` None: there is no objective."""

    breached: int
    verdicts: int
    burn_rate: float | None


class LevelWatch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One level of a pool: its window, the latest tickets breached, and since when there is a surge, None for none."""

    buckets: tuple[Bucket, ...] = ()
    tickets: tuple[str, ...] = ()
    since_us: int | None = None


def rule_for(rules: tuple[SurgeRule, ...], pool: str, priority: str) -> SurgeRule | None:
    """The first rule that holds, None where nothing is a surge."""
    profile = Profile(pool=pool, priority=priority)
    return next((rule for rule in rules if rule.when.hold_for(profile)), None)


def counted(
    watch: LevelWatch, rule: SurgeRule, breached: int, met: int, tickets: tuple[str, ...], now_us: int
) -> LevelWatch:
    """The watch with further verdicts, counted now."""
    size_us = _bucket_us(rule)
    at_us = now_us - now_us % size_us
    buckets = watch.buckets
    if buckets and buckets[-1].at_us >= at_us:
        last = buckets[-1]
        buckets = (*buckets[:-1], Bucket(last.at_us, last.breached + breached, last.met + met))
    else:
        buckets = (*buckets, Bucket(at_us, breached, met))
    latest = tuple(dict.fromkeys((*watch.tickets, *tickets)))[-TICKETS_MAX:]
    return slid(msgspec.structs.replace(watch, buckets=buckets, tickets=latest), rule, now_us)


def slid(watch: LevelWatch, rule: SurgeRule, now_us: int) -> LevelWatch:
    """The watch without what has left the window."""
    since_us = now_us - rule.window_us
    buckets = tuple(bucket for bucket in watch.buckets if bucket.at_us > since_us)[-BUCKETS - 1 :]
    if len(buckets) == len(watch.buckets):
        return watch
    return msgspec.structs.replace(watch, buckets=buckets, tickets=watch.tickets if buckets else ())


def levels_of(watch: LevelWatch, rule: SurgeRule) -> Levels:
    """What the window comes to; a breach that is retracted after it left the window takes nothing off."""
    breached = max(0, sum(bucket.breached for bucket in watch.buckets))
    verdicts = breached + sum(bucket.met for bucket in watch.buckets)
    burn_rate = None
    if rule.objective is not None:
        burn_rate = breached / verdicts / (1 - rule.objective) if verdicts else 0.0
    return Levels(breached, verdicts, burn_rate)


def begins(levels: Levels, rule: SurgeRule) -> bool:
    """Whether this much is a surge."""
    burning = rule.burn_rate is not None and levels.burn_rate is not None and levels.burn_rate >= rule.burn_rate
    return levels.breached >= rule.breaches or (burning and levels.verdicts >= rule.verdicts_min)


def is_over(levels: Levels, rule: SurgeRule) -> bool:
    """Whether this little ends a surge."""
    burning = rule.burn_rate is not None and levels.burn_rate is not None and 2 * levels.burn_rate >= rule.burn_rate
    return 2 * levels.breached < rule.breaches and not (burning and 2 * levels.verdicts >= rule.verdicts_min)


def next_slide_us(watch: LevelWatch, rule: SurgeRule) -> int | None:
    """When the oldest bucket leaves the window, None where it is empty."""
    return watch.buckets[0].at_us + rule.window_us if watch.buckets else None


def parse_surges(data: object, place: Place) -> tuple[SurgeRule, ...]:
    """Rules from `[{when: {pool: north}, window_seconds: 900, breaches: 20, objective: 0.95, burn_rate: 10}]`.

    Raises:
        InvalidPolicy: an unknown or missing field or condition, or a number out of bounds.
    """
    if not isinstance(data, list | tuple) or len(data) > RULES_MAX:
        raise place.refusal(f"expected a list of at most {RULES_MAX} rules")
    return tuple(_rule(form, place.of(number - 1, f"surge rule {number}")) for number, form in enumerate(data, start=1))


def _rule(data: object, place: Place) -> SurgeRule:
    form = fields(data, place, {"window_seconds", "breaches"}, {"when", "objective", "burn_rate", "verdicts_min"})
    when = parse_conditions(form.get("when"), place.of("when"))
    for field, _ in when.wanted:
        if field not in _CONDITIONS:
            raise place.of("when").refusal(f"a surge is one of a pool and a level; {field} is neither")
    window_us = span_us(form["window_seconds"], place.of("window_seconds"))
    if not 60 * SECOND_US <= window_us <= _WINDOW_MAX_US:
        raise place.of("window_seconds").refusal(f"expected 60 seconds to a day, got {form['window_seconds']!r}")
    if ("objective" in form) != ("burn_rate" in form):
        raise place.refusal("objective and burn_rate go together: a rate is one of the budget that an objective leaves")
    return SurgeRule(
        window_us=window_us,
        breaches=whole(form["breaches"], place.of("breaches"), 2, _VERDICTS_MAX),
        objective=_number(form, "objective", place, 0.0, 1.0),
        burn_rate=_number(form, "burn_rate", place, 0.0, _BURN_MAX),
        verdicts_min=whole(form.get("verdicts_min", 1), place.of("verdicts_min"), 1, _VERDICTS_MAX),
        when=when,
    )


def _number(form: Mapping[str, Any], key: str, place: Place, above: float, below: float) -> float | None:
    value = form.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value < below:
        raise place.of(key).refusal(f"expected a number between {above:g} and {below:g}, got {value!r}")
    return float(value)


def _bucket_us(rule: SurgeRule) -> int:
    return max(1, rule.window_us // BUCKETS)
