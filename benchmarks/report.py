"""The report of a run: each section's entries, what failed, and the goals beside what was measured."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final, TypedDict

from benchmarks.section import Entries, Goal, Section
from deploy.local import java
from deploy.local.folders import BUILD
from deploy.local.register import write_json

REPORT: Final = BUILD / "bench" / "report.json"
_OWN: Final = frozenset({"quick", "machine", "sections", "failed", "goals"})


class Judged(TypedDict):
    """A goal beside its figure. `met` is None where nothing was measured, or in the quick form only."""

    what: str
    wanted: str
    measured: float | None
    met: bool | None


class Report:
    """Grows section by section and is written after each, so that a run cut short leaves what it had.

    `earlier` is what a report of the same form has: sections that are not measured now keep their entries.
    """

    def __init__(self, goals: Iterable[Goal], *, quick: bool, earlier: Mapping[str, Any] | None = None) -> None:
        self._goals = list(goals)
        earlier = earlier or {}
        self._failed: dict[str, str] = dict(earlier.get("failed", {}))
        self._sections: dict[str, dict[str, Any]] = dict(earlier.get("sections", {}))
        self._quick = quick
        self._entries = {key: value for key, value in earlier.items() if key not in _OWN}

    @property
    def failed(self) -> Mapping[str, str]:
        """The sections, or `section/part`, that raised, each with what."""
        return self._failed

    def begin(self, section: Section) -> None:
        """Forget what an earlier run of this section found."""
        self._failed = {what: error for what, error in self._failed.items() if what.partition("/")[0] != section.name}
        for key in self._sections.pop(section.name, {}).get("keys", ()):
            self._entries.pop(key, None)

    def add(self, section: Section, entries: Entries, seconds: float, load: float) -> None:
        """Take in what a section measured, how long that took, and the load of the machine before it.

        Raises:
            ValueError: it uses a key of another section, or of the report itself.
        """
        if taken := entries.keys() & (self._entries.keys() | _OWN):
            raise ValueError(f"{section.name} uses keys that are taken: {sorted(taken)}")
        self._entries |= entries
        about = {"seconds": round(seconds, 1), "load_before": round(load, 2), "keys": sorted(entries)}
        self._sections[section.name] = about

    def fail(self, section: Section, error: Exception, part: str = "") -> None:
        """Take in that a section, or a part of it, could not be measured."""
        self._failed[f"{section.name}/{part}" if part else section.name] = f"{type(error).__name__}: {error}"

    def goals(self) -> list[Judged]:
        """Return every goal beside what was measured."""
        judged = [judge(goal, self._entries) for goal in self._goals]
        return [goal | {"met": None} for goal in judged] if self._quick else judged

    def as_json(self) -> dict[str, Any]:
        """Return the whole report."""
        about = {"quick": self._quick, "machine": machine(), "sections": self._sections}
        return about | self._entries | {"failed": self._failed, "goals": self.goals()}

    def write(self) -> None:
        """Write the report to `build/bench/report.json`, whole or not at all."""
        write_json(REPORT, self.as_json())


def earlier(*, quick: bool) -> dict[str, Any]:
    """Return the last report if it is of this form, else nothing."""
    try:
        found: dict[str, Any] = json.loads(REPORT.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return found if found.get("quick") == quick else {}


def judge(goal: Goal, entries: Mapping[str, Any]) -> Judged:
    """Return a goal beside the figure that its path leads to."""
    found: Any = entries
    for key in goal.path:
        found = found.get(key) if isinstance(found, Mapping) else None
    measured = float(found) if isinstance(found, int | float) else None
    met = goal.is_met_by(measured) if measured is not None else None
    return {"what": goal.what, "wanted": goal.wanted, "measured": measured, "met": met}


def machine() -> dict[str, Any]:
    """Return what was measured on, and with which versions."""
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    packages = ("confluent-kafka", "faust-streaming", "msgspec")
    return {
        "cpus": os.cpu_count(),
        "memory_gib": round(pages * page_bytes / 2**30, 1),
        "python": platform.python_version(),
        "java": java.version(java.find()),
        **{name: version(name) for name in packages},
    }
