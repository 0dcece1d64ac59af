"""The tables of `docs/benchmarks.md`, made of a report: each stands between `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

Report = Mapping[str, Any]
LABELS: Final[Mapping[str, str]] = {
    "aftercare": "ours",
    "bare_loop": "bare client loop",
    "kafka_streams": "Kafka Streams exactly_once_v2",
    "quix": "Quix Streams exactly-once",
    "faust_at_least_once": "Faust at_least_once",
    "faust_exactly_once": "Faust exactly_once",
}
"""What the engines are called in tables and pictures."""
_THREE_DIGITS: Final = 100


def short(value: float) -> str:
    """Return a figure with three digits, or with all that stand before the point."""
    return f"{value:,.0f}" if value >= _THREE_DIGITS else f"{value:.3g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def goals(report: Report) -> str:
    """Return the goals beside what was measured."""
    words = {True: "met", False: "**missed**", None: "not measured"}
    rows = []
    for goal in report["goals"]:
        measured = goal["measured"]
        rows.append((goal["what"], goal["wanted"], "" if measured is None else short(measured), words[goal["met"]]))
    return _table(("goal", "wanted", "measured", ""), rows)


def throughput(report: Report) -> str:
    """Return events a second and CPU an event of every engine, our ratio, and what was found written."""
    rows = []
    for name, found in report["throughput"].items():
        ratio = report["ratios"].get(name)
        least, most = report["ratios_of_rounds"].get(name, (None, None))
        compared = "" if ratio is None else f"{ratio:.3g} ×"
        compared += "" if least is None else f" ({least:.3g}–{most:.3g})"
        faults = {word: found[word] for word in ("missing", "doubled", "strange") if found[word]}
        written = ", ".join(f"{count:,} {word}" for word, count in faults.items()) or "exact"
        rows.append(
            (
                LABELS.get(name, name),
                f"{found['runs']} × {found['events']:,}",
                f"{found['events_per_second']:,}",
                f"{found['cpu_microseconds']:,.1f}",
                f"{found['whole_run_events_per_second']:,}",
                f"{found['whole_run_cpu_microseconds']:,.1f}",
                compared,
                written,
            )
        )
    head = ("engine", "events", "events/s", "µs of CPU", "whole run: events/s", "µs of CPU", "ours ÷ this", "written")
    return _table(head, rows)


def hop(report: Report) -> str:
    """Return the percentiles of one hop at each rate, and Kafka Streams' beside them."""
    rows = [_hop_row("ours", rate, found) for rate, found in report["hop_latency_ms"].items()]
    for form, paces in report.get("hop_latency_kafka_streams_ms", {}).items():
        label = f"Kafka Streams, {form.replace('_', ' ')}"
        rows += [_hop_row(label, rate, found) for rate, found in paces.items()]
    return _table(("engine", "events/s", "events", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "cores"), rows)


def _hop_row(label: str, rate: str, found: Mapping[str, float]) -> tuple[str, ...]:
    times = (f"{found[column]:,.0f}" for column in ("p50", "p99", "p999", "max"))
    return (label, f"{float(rate):,.0f}", f"{found['events']:,}", *times, f"{found['cores']:.2f}")


def timers(report: Report) -> str:
    """Return what became of the timers, and how late they were."""
    rows = []
    burst, paced = report["timers"]["due_in_one_second"], report["timers"]["paced"]
    for title, found in ((f"{burst['due']:,} due in one second", burst), (f"{paced['per_second']:,}/s", paced)):
        late = (f"{found['lateness_ms'][column]:,.0f}" for column in ("p50", "p99", "p999", "max"))
        fired = f"{found['fired']:,} of {found['due']:,}"
        last = f"{found['seconds_to_last']:.2f}"
        rows.append((title, fired, str(found["doubled"]), str(found["early"]), last, *late))
    head = ("timers", "fired", "doubled", "early", "s to the last", "late: p50 ms", "p99 ms", "p99.9 ms", "max ms")
    return _table(head, rows)


def restore(report: Report) -> str:
    """Return how long a restore took and what the process holds then."""
    found = report["restore"]
    return _table(
        ("keys", "timers", "s to restore", "s from the start of the process", "MiB resident"),
        [
            (
                f"{found['keys']:,}",
                f"{found['timers']:,}",
                f"{found['seconds']:.2f}",
                f"{found['seconds_from_process_start']:.2f}",
                f"{found['resident_bytes'] / 2**20:,.0f}",
            )
        ],
    )


def memory(report: Report) -> str:
    """Return the bytes of a key and of a timer."""
    found = report["memory"]
    names = {
        "bytes_a_key": "a key, no timer",
        "bytes_a_timer": "its first timer",
        "bytes_a_further_timer": "its second timer",
    }
    return _table(("what", "bytes"), [(label, f"{found[name]:,}") for name, label in names.items()])


def scaling(report: Report) -> str:
    """Return events a second against processes, and what was busy."""
    rows = [
        (
            count,
            f"{found['events_per_second']:,}",
            f"{found['cpu_microseconds']:.1f}",
            f"{found['cores']:.2f}",
            f"{found['machine_cores']:.2f} of {report['machine']['cpus']}",
        )
        for count, found in report["scaling"].items()
    ]
    return _table(("processes", "events/s", "µs of CPU an event", "busy cores, ours", "busy cores, all"), rows)


def stack(report: Report) -> str:
    """Return the way of a request through the whole stack."""
    found = report["stack"]
    spans = {
        "request → 202": "to_accepted_ms",
        "202 → assigned, as written": "accepted_to_assigned_ms",
        "202 → assigned, as read": "accepted_to_seen_ms",
    }
    rows = [
        (
            f"{found['accepted_per_second']:g}",
            label,
            *(f"{found[name][column]:,.0f}" for column in ("p50", "p99", "max")),
        )
        for label, name in spans.items()
    ]
    return _table(("requests/s", "span", "p50 ms", "p99 ms", "max ms"), rows)


def profile(report: Report) -> str:
    """Return where the time of the processor's thread goes, in and below each function."""
    ours, bare = report["profile"]["aftercare"], report["profile"]["bare_loop"]
    rows = [(f"`{each['where']}`", f"{each['share']:.1%}", f"{each['own_share']:.1%}") for each in ours["functions"]]
    rows += [
        (f"bare loop: `{each['where']}`", f"{each['share']:.1%}", f"{each['own_share']:.1%}")
        for each in bare["functions"]
    ]
    return _table(("function", "with what it calls", "itself"), rows)


TABLES: Final[Mapping[str, tuple[str, Callable[[Report], str]]]] = {
    "goals": ("goals", goals),
    "throughput": ("throughput", throughput),
    "hop": ("hop_latency_ms", hop),
    "timers": ("timers", timers),
    "restore": ("restore", restore),
    "memory": ("memory", memory),
    "scaling": ("scaling", scaling),
    "stack": ("stack", stack),
    "profile": ("profile", profile),
}
"""By the name of the block: the entry of the report that it needs, and who makes it."""


def written_into(page: str, report: Report) -> str:
    """Return the page with every block written anew for which the report has an entry; others stay."""
    for name, (entry, made) in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, opened, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if entry in report and opened and closed:
            page = f"{before}{begin}\n{made(report)}\n{end}{after}"
    return page
