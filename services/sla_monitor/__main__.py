"""`python -m services.sla_monitor` starts the service.

`… explain < cases.jsonl` says what the clocks say, a JSON line for each case; `… what-if --help` replays history under
a proposed policy; `… calendar --help` writes an office calendar with public holidays; `… check FILE…` says of policies
and calendars where one is wrong. Imports are inside, so that explaining needs no Kafka, nor serving holidays.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

USAGE = (
    "usage: python -m services.sla_monitor [explain < cases.jsonl | what-if --help | calendar --help | check FILE...]"
)


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit status."""
    match list(arguments):
        case []:
            serve()
        case ["explain"]:
            explain()
        case ["what-if", *options]:
            return what_if(options)
        case ["calendar", *options]:
            calendar(options)
        case ["check", first, *others]:
            return check([first, *others])
        case _:
            print(USAGE, file=sys.stderr)
            return 2
    return 0


def serve() -> NoReturn:
    """Run the service until it is told to stop."""
    from services._runtime.hosting.hosting import run  # noqa: PLC0415 - see the module
    from services.sla_monitor.app import app  # noqa: PLC0415 - as above

    run(app)


def explain() -> None:
    """Answer the cases on standard input, each as soon as it is read."""
    from services.sla_monitor.adapters.explain import explain_lines  # noqa: PLC0415 - see the module

    for line in explain_lines(sys.stdin.buffer):
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()


def check(paths: Sequence[str]) -> int:
    """Say of each file whether its policy or calendar can be used; 1 where one can't."""
    from pathlib import Path  # noqa: PLC0415 - see the module

    from services._runtime.clock import SystemClock  # noqa: PLC0415 - as above
    from services.sla_monitor.adapters.checking import check_files  # noqa: PLC0415 - as above

    lines, fine = check_files(map(Path, paths), SystemClock().now())
    print("\n".join(lines))
    return 0 if fine else 1


def what_if(options: Sequence[str]) -> int:
    """Replay history under a proposed policy."""
    from services.sla_monitor.adapters.what_if import command  # noqa: PLC0415 - see the module

    return command.what_if(options)


def calendar(options: Sequence[str]) -> None:
    """Print a calendar."""
    from services.sla_monitor.adapters.public_days import write_calendar  # noqa: PLC0415 - see the module

    print(write_calendar(options), end="")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
