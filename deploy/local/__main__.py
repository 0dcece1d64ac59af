"""`python -m deploy.local up|down|status`: the whole stack on this machine."""

import argparse
import sys
from collections.abc import Sequence

from deploy.local import jars, java, kafka, prometheus, register, services
from deploy.local.errors import StackError
from deploy.local.folders import BUILD
from deploy.local.stack import Plan, Stack, down

_NOT_RUNNING = 3  # as `systemctl status` has it


def _port(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or not number.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PORT")
    return name, int(number)


def _count(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in services.NAMES or not number.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not SERVICE=COUNT")
    return name, int(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and leave it running")
    up.add_argument(
        "--port", type=_port, action="append", default=[], metavar="NAME=PORT", help="instead of a free one"
    )
    up.add_argument("--instances", type=_count, action="append", default=[], metavar="SERVICE=COUNT")
    up.add_argument("--partitions", type=int, default=Plan.partitions)
    up.add_argument("--kafka-nodes", type=int, choices=(1, 3), default=1)
    up.add_argument("--servers-only", action="store_true", help="Kafka, Redis and mail, no service")
    commands.add_parser("down", help="stop what `up` left running")
    commands.add_parser("status", help="show what is running, and where")
    fetch = commands.add_parser("jars", help="fetch the jars of Kafka and the mail server, if they are not there")
    fetch.add_argument("--write-digests", action="store_true", help="pin what the pom brings now in jars.sha256")
    commands.add_parser("java", help="show the Java run-time that will be used")
    commands.add_parser("prometheus", help="show the Prometheus and Alertmanager that will be used")
    return parser


def _up(arguments: argparse.Namespace) -> int:
    found = register.Found(Plan().folder)
    if found.is_whole():
        print("already running")
        return _status()
    if found.stop():
        print("stopped what was left of an earlier run")
    instances = {} if arguments.servers_only else dict.fromkeys(services.NAMES, 1) | dict(arguments.instances)
    plan = Plan(
        instances=instances,
        partitions=arguments.partitions,
        kafka_nodes=arguments.kafka_nodes,
        fixed_ports=dict(arguments.port),
        detached=True,
        watched=bool(instances) and prometheus.found() is not None,
    )
    jars.ensure()
    seconds = Stack(plan).start()
    print(f"up in {seconds:.1f} s; logs in {plan.folder}")
    return _status()


def _down() -> int:
    ended = down(Plan())
    print(f"stopped {ended} processes" if ended else "nothing was running")
    return 0


def _status() -> int:
    plan = Plan()
    found = register.Found(plan.folder)
    if not found.alive():
        print("not running")
        return _NOT_RUNNING
    for process in {each.name: each for each in found.processes}.values():
        print(f"{process.name:<14} {process.pid:>8}  {'running' if process.is_alive() else 'ended'}")
    if plan.endpoints.is_file():
        print(plan.endpoints.read_text(), end="")
    return 0 if found.is_whole() else _NOT_RUNNING


def _jars(arguments: argparse.Namespace) -> int:
    if arguments.write_digests:
        jars.STACK.pin()
    print(jars.ensure())
    if kafka.make_class_archive(BUILD / "class-archive"):
        print("made the class archive that lets Kafka start faster")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        match parsed.command:
            case "up":
                return _up(parsed)
            case "down":
                return _down()
            case "status":
                return _status()
            case "jars":
                return _jars(parsed)
            case programs:
                print(*(prometheus.find() if programs == "prometheus" else [java.find()]), sep="\n")
                return 0
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
