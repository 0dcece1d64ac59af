"""`python -m services …`: the operators' commands. Each lives in a module of the runtime that registers itself."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from services._runtime.directory import load as directory_load
from services._runtime.kafka import topic_admin
from services._runtime.operations import lag, status
from services._runtime.operations.doctor import doctor_of
from services._runtime.processor import redrive
from services._runtime.settings import RuntimeSettings
from services.feedback.settings import FeedbackSettings
from services.intake.settings import IntakeSettings
from services.notifier.settings import NotifierSettings
from services.router.settings import RouterSettings
from services.sla_monitor.settings import SlaMonitorSettings

SETTINGS: Final[Mapping[str, type[RuntimeSettings]]] = {
    "intake": IntakeSettings,
    "router": RouterSettings,
    "sla_monitor": SlaMonitorSettings,
    "notifier": NotifierSettings,
    "feedback": FeedbackSettings,
}
COMMANDS: Final = (topic_admin, directory_load, redrive, doctor_of(SETTINGS), status, lag)
"""What has `register(subparsers)`; every parser they add sets `run`, from parsed arguments to the exit status."""


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
