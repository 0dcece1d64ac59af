"""`python -m deploy.monitoring generate | check`: keep docs/metrics.md and the dashboards in step with the code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from deploy.local.folders import REPOSITORY
from deploy.monitoring.generated import differences, generate


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 fine, 1 a committed file is not what the code says."""
    parser = argparse.ArgumentParser(prog="python -m deploy.monitoring", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write docs/metrics.md and deploy/grafana/dashboards anew")
    commands.add_parser("check", help="fail when a committed file differs from what would be generated")
    if parser.parse_args(arguments).command == "generate":
        for path in generate(REPOSITORY):
            print(path)
        return 0
    found = differences(REPOSITORY)
    for line in found:
        print(f"{line}: python -m deploy.monitoring generate", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
