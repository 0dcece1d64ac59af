"""The report of a run: each section's entries, what failed, and the goals beside what was measured."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypedDict

from benchmarks.section import Entries, Goal, Section
from deploy.local.folders import BUILD
from deploy.local.register import write_json

REPORT: Final = BUILD / "bench" / "report.json"


class Judged(TypedDict):
    """A goal beside its figure; `met` is None where nothing was measured."""

    what: str
    wanted: str
    measured: float | None
    met: bool | None


class Report:
    """Grows section by section and is written after each, so that a run cut short leaves what it had."""

    def __init__(self, sections: Iterable[Section], *, quick: bool) -> None:
        self._goals = [goal for section in sections for goal in section.goals]
        self._failed: dict[str, str] = {}
        self._entries: dict[str, Any] = {"quick": quick, "cpus": os.cpu_count(), "seconds": {}}

    @property
    def failed(self) -> Mapping[str, str]:
        """The sections that raised, each with what."""
        return self._failed

    def add(self, section: Section, entries: Entries, seconds: float) -> None:
        """Take in what a section measured, and how long that took.

        Raises:
            ValueError: another section has used one of its keys.
        """
        if taken := entries.keys() & self._entries.keys():
            raise ValueError(f"{section.name} uses keys of other sections: {sorted(taken)}")
        self._entries |= entries
        self._entries["seconds"][section.name] = round(seconds, 1)

    def fail(self, section: Section, error: Exception) -> None:
        """Take in that a section could not be measured."""
        self._failed[section.name] = f"{type(error).__name__}: {error}"

    def goals(self) -> list[Judged]:
        """Return every goal beside what was measured."""
        return [judge(goal, self._entries) for goal in self._goals]

    def as_json(self) -> dict[str, Any]:
        """Return the whole report."""
        return self._entries | {"failed": self._failed, "goals": self.goals()}

    def write(self) -> None:
        """Write the report to `build/bench/report.json`, whole or not at all."""
        write_json(REPORT, self.as_json())


def judge(goal: Goal, entries: Mapping[str, Any]) -> Judged:
    """Return a goal beside the figure that its path leads to."""
    found: Any = entries
    for key in goal.path:
        found = found.get(key) if isinstance(found, Mapping) else None
    measured = float(found) if isinstance(found, int | float) else None
    met = goal.is_met_by(measured) if measured is not None else None
    return {"what": goal.what, "wanted": goal.wanted, "measured": measured, "met": met}
