"""`python -m deploy.monitoring generate | check | preview`: docs/metrics.md and the dashboards, as the code says."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.local.folders import BUILD, REPOSITORY
from deploy.monitoring.boards import BOARDS
from deploy.monitoring.generated import differences, generate
from deploy.monitoring.preview import page
from deploy.monitoring.series import Prometheus, PrometheusError, Stretch


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.monitoring", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write docs/metrics.md and deploy/grafana/dashboards anew")
    commands.add_parser("check", help="fail when a committed file differs from what would be generated")
    preview = commands.add_parser("preview", help="draw the dashboards from a Prometheus, where there is no Grafana")
    preview.add_argument("--prometheus", required=True, metavar="URL")
    preview.add_argument("--minutes", type=float, default=15.0, help="how far back")
    preview.add_argument("--rate-seconds", type=int, default=60, help="what rates are taken over: four scrapes or more")
    preview.add_argument("--output", type=Path, default=BUILD / "monitoring" / "preview.html")
    return parser


def _check() -> int:
    found = differences(REPOSITORY)
    for line in found:
        print(f"{line}: python -m deploy.monitoring generate", file=sys.stderr)
    return 1 if found else 0


def _preview(arguments: argparse.Namespace) -> int:
    prometheus = Prometheus(arguments.prometheus, rate_seconds=arguments.rate_seconds)
    try:
        text = page(BOARDS, prometheus, Stretch.until(prometheus.now(), arguments.minutes * 60))
    except PrometheusError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text, "utf-8")
    print(arguments.output)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 fine, 1 a committed file is not what the code says, or Prometheus does not answer."""
    parsed = _parser().parse_args(arguments)
    match parsed.command:
        case "generate":
            for path in generate(REPOSITORY):
                print(path)
            return 0
        case "check":
            return _check()
        case _:
            return _preview(parsed)


if __name__ == "__main__":
    sys.exit(main())
