"""`python -m services …`: the operators' commands. Each lives in a module of the runtime that registers itself."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from services._runtime.directory import load as directory_load
from services._runtime.kafka import topic_admin
from services._runtime.processor import redrive

COMMANDS: Final = (topic_admin, directory_load, redrive)
"""Modules with `register(subparsers)`; every parser they add sets `run`, from parsed arguments to the exit status."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m services", description="Operate Aftercare.")
    subparsers = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.register(subparsers)
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())
