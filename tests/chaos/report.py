"""`build/chaos/report.json`: what each fault came to, over all of its runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from deploy.local.folders import BUILD
from deploy.local.register import write_json
from tests.chaos.run import Outcome

PATH: Final[Path] = BUILD / "chaos" / "report.json"
COUNTED: Final = ("lost", "duplicates", "out_of_order", "early_timers", "missed_timers", "state_differs", "unexplained")


def report_of(seed: str, outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return the report; counts add up over the runs of a fault, times are the longest."""
    faults: dict[str, dict[str, Any]] = {}
    events = 0
    for outcome in outcomes:
        events += outcome.account.events
        entry = faults.setdefault(
            outcome.name,
            {"runs": 0, **dict.fromkeys(COUNTED, 0), "recovery_seconds_max": None, "complaints": [], "sequences": []},
        )
        entry["runs"] += 1
        for kind in COUNTED:
            entry[kind] += len(getattr(outcome.account, kind))
        took = outcome.account.recovery_seconds
        if took is not None:
            entry["recovery_seconds_max"] = round(max(took, entry["recovery_seconds_max"] or 0.0), 3)
        entry["complaints"] += [*outcome.complaints, *outcome.slow]
        if len(outcome.faults) > 1:
            entry["sequences"].append(list(outcome.faults))
    return {"seed": seed, "events": events, "faults": faults}


def write(seed: str, outcomes: Iterable[Outcome], path: Path = PATH) -> None:
    """Write the report."""
    write_json(path, report_of(seed, outcomes))
