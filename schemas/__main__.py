"""`python -m schemas generate | check | publish`: keep samples, schemas and AsyncAPI in step with the contracts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from schemas.generate import FOLDER, Files, check, generate, publish


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 fine, 1 files and contracts disagree or a published contract would break."""
    parser = argparse.ArgumentParser(prog="python -m schemas", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where samples/, generated/ and published/ are")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write JSON Schemas and AsyncAPI anew, add missing samples")
    commands.add_parser("check", help="fail when a committed file has drifted or a published contract is broken")
    commands.add_parser("publish", help="take the present schemas as what subscribers hold")
    options = parser.parse_args(arguments)
    files = Files(options.folder)
    if options.command == "check":
        return _report(check(files))
    written, problems = ([*generate(files)], []) if options.command == "generate" else publish(files)
    for path in written:
        print(path.relative_to(options.folder))
    return _report(problems)


def _report(problems: Sequence[str]) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
