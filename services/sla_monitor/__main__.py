"""`python -m services.sla_monitor explain < cases.jsonl`: what the clocks say, a JSON line for each case."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from services.sla_monitor.adapters.explain import explain_lines

USAGE = "usage: python -m services.sla_monitor explain < cases.jsonl"


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit status."""
    if list(arguments) != ["explain"]:
        print(USAGE, file=sys.stderr)
        return 2
    for line in explain_lines(sys.stdin.buffer):
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
