"""What each fault came to, over all of its runs: `build/chaos/report.json`. `details.json` beside it tells the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from deploy.local.folders import BUILD
from deploy.local.register import write_json
from tests.chaos.run import Outcome

PATH: Final[Path] = BUILD / "chaos" / "report.json"
DETAILS: Final[Path] = PATH.with_name("details.json")
PROMISES: Final = ("lost", "duplicates", "out_of_order", "early_timers", "missed_timers")
FURTHER: Final = ("state_differs", "unexplained")


def report_of(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return the report; counts add up over the runs of a fault, times are the longest."""
    faults: dict[str, dict[str, Any]] = {}
    events = 0
    for outcome in outcomes:
        account = outcome.account
        events += account.events
        empty = {"runs": 0, **dict.fromkeys(PROMISES, 0), "recovery_seconds_max": None}
        entry = faults.setdefault(outcome.name, empty)
        entry["runs"] += 1
        for kind in PROMISES:
            entry[kind] += len(getattr(account, kind))
        if account.recovery_seconds is not None:
            longest = max(account.recovery_seconds, entry["recovery_seconds_max"] or 0.0)
            entry["recovery_seconds_max"] = round(longest, 3)
    return {"events": events, "faults": faults}


def details_of(seed: str, outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return what each run found beyond the report's numbers, in the order of the runs."""
    return {
        "seed": seed,
        "runs": [
            {
                "name": outcome.name,
                "faults": list(outcome.faults),
                "events": outcome.account.events,
                **{kind: len(getattr(outcome.account, kind)) for kind in FURTHER},
                "silent": outcome.silent,
                "complaints": [*outcome.complaints, *outcome.slow],
            }
            for outcome in outcomes
        ],
    }


def write(seed: str, outcomes: Iterable[Outcome], path: Path = PATH) -> None:
    """Write the report, and the details beside it."""
    outcomes = tuple(outcomes)
    write_json(path, report_of(outcomes))
    write_json(path.with_name(DETAILS.name), details_of(seed, outcomes))


def table_of(report: Mapping[str, Any]) -> str:
    """Return the report as a table for people."""
    rows = [("fault", "runs", *PROMISES, "silence, s")]
    for name, entry in report["faults"].items():
        silence = entry["recovery_seconds_max"]
        counts = (str(entry[kind]) for kind in PROMISES)
        rows.append((name, str(entry["runs"]), *counts, "" if silence is None else f"{silence:.1f}"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            each.ljust(width) if column == 0 else each.rjust(width)
            for column, (each, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
