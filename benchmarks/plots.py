"""`make plots`: draws `docs/benchmarks/*.png` and writes the tables of `docs/benchmarks.md` from the last report.

Runs in the venv of the `bench` group, which has matplotlib. What the report lacks is not drawn.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

from benchmarks import tables
from deploy.local.folders import BUILD, REPOSITORY

REPORT: Final = BUILD / "bench" / "report.json"
PICTURES: Final = REPOSITORY / "docs" / "benchmarks"
PAGE: Final = REPOSITORY / "docs" / "benchmarks.md"
OURS, PEER, LIMIT, GOAL = "#1b6ca8", "#7d8894", "#c5ccd3", "#c0392b"
STYLE: Final = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 120,
    "font.size": 10,
    "grid.color": "#e6e9ec",
}
Report = Mapping[str, Any]


def throughput(report: Report) -> Any:
    """Draw events a second and CPU an event, an engine a line, as points on logarithmic axes."""
    engines = report["throughput"]
    names = sorted(engines, key=lambda name: engines[name]["events_per_second"])
    colours = [{"aftercare": OURS, "bare_loop": LIMIT}.get(name, PEER) for name in names]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3), sharey=True)
    for axes, key, title in (
        (left, "events_per_second", "events a second (right is better)"),
        (right, "cpu_microseconds", "µs of CPU an event (left is better)"),
    ):
        values = [engines[name][key] for name in names]
        lines = [tables.LABELS.get(name, name) for name in names]
        axes.scatter(values, lines, color=colours, s=70)
        for line, value in zip(lines, values, strict=True):
            axes.annotate(tables.short(value), (value, line), xytext=(8, -4), textcoords="offset points")
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 2, max(values) * 5)
        axes.margins(y=0.12)
        axes.set_title(title, loc="left", fontsize=10)
    return figure


def hop(report: Report) -> Any:
    """Draw percentiles of one hop against the rate, Kafka Streams' beside them, and the goal."""
    ours = report["hop_latency_ms"]
    rates = sorted(ours, key=float)
    figure, axes = plt.subplots(figsize=(7, 4))
    for column, label, style in (("p50", "p50", "-"), ("p99", "p99", "--"), ("p999", "p99.9", ":")):
        axes.plot(
            [float(rate) for rate in rates],
            [ours[rate][column] for rate in rates],
            style,
            marker="o",
            color=OURS,
            label=f"ours, {label}",
        )
    markers = iter("s^Dv")
    for form, paces in report.get("hop_latency_kafka_streams_ms", {}).items():
        marker = next(markers, "x")
        points = [(float(rate), paces[rate][column]) for rate in paces for column in ("p50", "p99", "p999")]
        label = f"Kafka Streams, {form.replace('_', ' ')}: p50, p99, p99.9"
        axes.plot(*zip(*points, strict=True), marker, color="#5b6770", fillstyle="none", label=label)
    axes.plot(1_000, 60, "_", color=GOAL, markersize=22, markeredgewidth=2, label="goal: p99 of 60 ms at 1,000/s")
    axes.set(xscale="log", yscale="log", xlabel="events a second", ylabel="ms from sending to read_committed")
    axes.set_xticks([float(rate) for rate in rates], [f"{float(rate):,.0f}" for rate in rates])
    ticks = [10, 20, 50, 100, 200, 500]
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.legend(fontsize=8, frameon=False)
    return figure


def timers(report: Report) -> Any:
    """Draw how late timers were: at a steady pace, and when many were due at once."""
    found = report["timers"]
    forms = {
        f"{found['paced']['per_second']:,}/s": found["paced"]["lateness_ms"],
        f"{found['due_in_one_second']['due']:,} in one second": found["due_in_one_second"]["lateness_ms"],
    }
    columns = {"p50": "p50", "p99": "p99", "p999": "p99.9", "max": "max"}
    figure, panels = plt.subplots(1, len(forms), figsize=(8, 3))
    for axes, (title, lateness) in zip(panels, forms.items(), strict=True):
        bars = axes.bar(list(columns.values()), [lateness[column] for column in columns], color=OURS, width=0.6)
        axes.bar_label(bars, fmt="{:,.0f}")
        axes.margins(y=0.12)
        axes.set_title(f"timers due: {title}", loc="left", fontsize=10)
        axes.set_ylabel("ms late, as read")
        axes.grid(visible=False, axis="x")
    return figure


def scaling(report: Report) -> Any:
    """Draw events a second against the number of processes, and how busy the machine was."""
    found = report["scaling"]
    counts = sorted(found, key=int)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
    bars = left.bar(counts, [found[count]["events_per_second"] for count in counts], color=OURS, width=0.6)
    left.bar_label(bars, fmt="{:,.0f}")
    left.margins(y=0.12)
    left.yaxis.set_major_formatter("{x:,.0f}")
    left.set(xlabel="processes", ylabel="events a second")
    cores = [found[count]["cores"] for count in counts]
    others = [found[count]["machine_cores"] - found[count]["cores"] for count in counts]
    right.bar(counts, cores, color=OURS, width=0.6, label="our processes")
    right.bar(counts, others, bottom=cores, color=PEER, width=0.6, label="broker and the rest")
    right.axhline(report["machine"]["cpus"], color=GOAL, linestyle="--", label="cores of the machine")
    right.set(xlabel="processes", ylabel="busy cores", ylim=(0, report["machine"]["cpus"] * 1.6))
    right.legend(fontsize=8, frameon=False, loc="upper left")
    for axes in (left, right):
        axes.grid(visible=False, axis="x")
    return figure


DRAWN: Final[Mapping[str, tuple[str, Callable[[Report], Any]]]] = {
    "throughput.png": ("throughput", throughput),
    "hop.png": ("hop_latency_ms", hop),
    "timers.png": ("timers", timers),
    "scaling.png": ("scaling", scaling),
}
"""The picture, the entry of the report that it needs, and who draws it."""


def draw(report: Report, folder: Path) -> list[str]:
    """Draw what the report has into `folder`; return the names of the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    with plt.rc_context(STYLE):
        for name, (entry, drawing) in DRAWN.items():
            if entry not in report:
                continue
            figure = drawing(report)
            # Without the version of matplotlib in it, the same figures give the same file.
            figure.savefig(folder / name, metadata={"Software": None})
            plt.close(figure)
            drawn.append(name)
    return drawn


def main() -> int:
    """Draw and write; return the exit code."""
    if not REPORT.is_file():
        print("there is no build/bench/report.json: run `make bench` first", file=sys.stderr)
        return 1
    report = json.loads(REPORT.read_text("utf-8"))
    if report["quick"]:
        print("the last report is of the quick form, which proves nothing: run `make bench` first", file=sys.stderr)
        return 1
    print(f"drawn into docs/benchmarks: {', '.join(draw(report, PICTURES))}")
    PAGE.write_text(tables.written_into(PAGE.read_text("utf-8"), report), "utf-8")
    print("written into docs/benchmarks.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
