"""What an entry of the directory must be beyond its shape, and what follows from it. Each mistake says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from schemas.directory import CalendarDefined
from schemas.routing_policy import RoutingPolicy, Shift
from services.router.domain.shifts import UnknownDayError, shift_of

LEVEL_SEPARATOR: Final = ":"


class Mistake(NamedTuple):
    """`path` leads to the field, `problem` says what is wrong with it, `do` what to send instead."""

    path: tuple[str | int, ...]
    problem: str
    do: str


def skills_of(names: Sequence[str], levels: Mapping[str, int]) -> list[str]:
    """All that someone's skills let them do: who has `scanner` at 3 also has `scanner`, `scanner:1` and `scanner:2`.

    So work that asks for `scanner:2` is kept from whom it overcharges by the one rule that there is for skills.
    """
    graded = (f"{name}{LEVEL_SEPARATOR}{level}" for name, highest in levels.items() for level in range(1, highest + 1))
    return sorted({*names, *levels, *graded})


def shift_of_calendar(calendar: CalendarDefined) -> Shift:
    """The hours of a calendar as a shift; holidays are days off. It is a copy: a later version changes nothing."""
    days_off: dict[str, list[list[str]]] = {day: [] for day in calendar.holidays}
    return Shift.new(timezone=calendar.timezone, hours=calendar.hours, overrides={**days_off, **calendar.overrides})


def skill_mistakes(names: Sequence[str]) -> Iterator[Mistake]:
    """Names of skills that look like a level."""
    for number, name in enumerate(names):
        if LEVEL_SEPARATOR in name:
            yield Mistake(
                ("skills", number),
                f"{name!r} has a {LEVEL_SEPARATOR!r}, which stands before a level",
                "Name the skill alone and say how well they have it in skill_levels.",
            )


def shift_mistakes(shift: Shift | None) -> Iterator[Mistake]:
    """What is wrong with the hours of a shift."""
    if shift is None:
        return
    try:
        shift_of(shift)
    except UnknownDayError as error:
        yield Mistake(("shift", "hours"), str(error), "Name the days mon, tue, wed, thu, fri, sat, sun.")
    except (ValueError, KeyError, OSError) as error:
        yield Mistake(
            ("shift",),
            str(error),
            "Send an IANA zone such as Asia/Shanghai, dates such as 2026-10-10 and pairs such as [09:00, 18:00].",
        )


def policy_mistakes(
    policy: RoutingPolicy, present_version: int, teams: AbstractSet[str], technicians: AbstractSet[str]
) -> Iterator[Mistake]:
    """What of a policy does not fit its pool, whose teams and technicians are given."""
    if policy.version != present_version + 1:
        yield Mistake(
            ("policy", "version"),
            f"the pool's version is {present_version}",
            f"Look at what is in force, then send version {present_version + 1}.",
        )
    try:
        ZoneInfo(policy.timezone)
    except (KeyError, ValueError, OSError):
        yield Mistake(
            ("policy", "timezone"), f"no zone {policy.timezone!r}", "Send an IANA zone such as Asia/Shanghai."
        )
    for place, group in enumerate(policy.groups):
        for number, team in enumerate(group.teams):
            if team not in teams:
                path = ("policy", "groups", place, "teams", number)
                yield Mistake(path, f"no team {team!r} in the pool", f"Name one of: {_some(teams)}.")
    for field, named in (("owner_id", [policy.owner_id]), ("owners", list(policy.owners.values()))):
        for technician_id in named:
            if technician_id is not None and technician_id not in technicians:
                yield Mistake(
                    ("policy", field),
                    f"{technician_id!r} is not on the pool's roster",
                    "Name someone who is, or put them on it first.",
                )


def _some(names: AbstractSet[str]) -> str:
    shown = sorted(names)[:10]
    return ", ".join(shown) if shown else "none yet (a team is there once a technician is in it)"
