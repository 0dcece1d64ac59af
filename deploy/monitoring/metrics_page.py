"""docs/metrics.md: the catalogue of metrics as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from services._runtime.catalogue import Entry
from services._runtime.metrics import CATALOGUE

_HEAD: Final = """\
# Metrics

Generated from `services/_runtime/metrics.py` by `python -m deploy.monitoring generate`; `make check` fails where the
two differ. Every process serves its own at `/metrics`, with those of the Python process (`process_*`, `python_*`)
beside them.

- Counters and histograms count what passes in one process and begin at zero with it: read them with `rate` or
  `increase`, summed over processes. What was committed in the last moment before a crash may be missing from them; the
  topics have it.
- Gauges of what is held (tickets, state, timers, clocks) are read off the state: after a restart they are right once
  the state is restored, and they move with a partition. `sum` over processes is the whole, `min` where the name ends in
  `timestamp_seconds`. The `sla_window` ones alone slide over what passed in one process.
- Labels have few values. No metric names a ticket, tenant, person, pool or address.
"""


def metrics_page() -> str:
    """The page as Markdown."""
    sections = groupby(CATALOGUE.entries, key=lambda entry: entry.section)
    lines = [_HEAD, *(line for title, entries in sections for line in _section(title, list(entries))), *_labels()]
    return "\n".join(lines) + "\n"


def _section(title: str, entries: Sequence[Entry]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| name | type | unit | labels | meaning |"
    yield "|---|---|---|---|---|"
    for entry in entries:
        labels = ", ".join(f"`{label}`" for label in entry.labels) or "–"
        yield f"| `{entry.name}` | {entry.kind} | {entry.unit.replace('_', ' ')} | {labels} | {_meaning(entry)} |"
    yield ""


def _meaning(entry: Entry) -> str:
    meaning = entry.meaning.replace("|", r"\|")
    return f"{meaning} Up to {', '.join(f'{bound:g}' for bound in entry.buckets)}." if entry.buckets else meaning


def _labels() -> Iterator[str]:
    yield "## Labels\n"
    yield "| label | values |"
    yield "|---|---|"
    for label, values in CATALOGUE.labels.items():
        yield f"| `{label}` | {values} |"
