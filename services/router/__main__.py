"""`python -m services.router` starts the service.

`… why TICKET` decides a ticket again from the logs and shows everyone who was looked at; `… what-if --help` replays
past work against another roster or other rules. Imports are inside, so that looking back needs no service.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

USAGE = "usage: python -m services.router [why --help | what-if --help]"


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit status."""
    match list(arguments):
        case []:
            serve()
        case ["why", *options]:
            return why(options)
        case ["what-if", *options]:
            return what_if(options)
        case _:
            print(USAGE, file=sys.stderr)
    return 2


def serve() -> NoReturn:
    """Run the service until it is told to stop."""
    from services._runtime.hosting.hosting import run  # noqa: PLC0415 - see the module
    from services.router.app import app  # noqa: PLC0415 - as above

    run(app)


def why(options: Sequence[str]) -> int:
    """Decide once more."""
    from services.router.adapters.replay.command import why as decide_again  # noqa: PLC0415 - see the module

    return decide_again(options)


def what_if(options: Sequence[str]) -> int:
    """Replay the past under other conditions."""
    from services.router.adapters.what_if.command import what_if as simulate  # noqa: PLC0415 - see the module

    return simulate(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
