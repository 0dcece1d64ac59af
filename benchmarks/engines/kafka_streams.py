"""Kafka Streams, exactly_once_v2, in Java: the program in `benchmarks/kafka_streams`, compiled when it has changed."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.engines.order import Order
from deploy.local import java
from deploy.local.errors import StackError
from deploy.local.folders import BUILD, emptied
from deploy.local.jars import JarSet

HOME: Final = Path(__file__).resolve().parents[1] / "kafka_streams"
JARS: Final = JarSet(HOME, "the jars of Kafka Streams (once, about 95 MB)")
CLASSES: Final = BUILD / "bench" / "classes"
# The quicker collector here: the default one, G1, spends more of the two cores beside the program.
MEMORY: Final = ("-Xms1g", "-Xmx1g", "-XX:+UseParallelGC")
_COMPILE_SECONDS: Final = 120.0


def command(order: Order) -> list[str]:
    """Return the command line that works on `order`; raises as `compiled`."""
    classpath = f"{compiled()}:{JARS.ensure()}/*"
    settings = [order.bootstrap, order.commands, order.events, order.group, order.folder]
    milliseconds = str(round(order.commit_seconds * 1_000))
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return [str(java.find()), *MEMORY, quiet, "-cp", classpath, "Main", *settings, milliseconds]


def compiled() -> Path:
    """Return the folder with the program's classes, compiling it when its source has changed.

    Raises:
        StackError: the jars can't be fetched, there is no compiler, or it refuses the program.
    """
    sources = sorted((HOME / "src").glob("*.java"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    folder = CLASSES / digest
    if folder.is_dir():
        return folder
    beside = java.find().resolve().with_name("javac")
    compiler = str(beside) if beside.is_file() else shutil.which("javac")
    if compiler is None:
        raise StackError("the Java compiler is missing: apt-get install default-jdk-headless")
    arriving = emptied(folder.with_suffix(".part"))
    options = ["--release", str(java.OLDEST), "-Xlint:all", "-Werror", "-cp", f"{JARS.ensure()}/*", "-d", str(arriving)]
    done = subprocess.run(
        [compiler, *options, *map(str, sources)], capture_output=True, text=True, timeout=_COMPILE_SECONDS, check=False
    )
    if done.returncode != 0:
        raise StackError(f"the Kafka Streams program does not compile:\n{done.stdout}{done.stderr}")
    arriving.rename(folder)
    return folder


def main() -> int:
    """Fetch and compile what the program needs, or write its digests anew; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines.kafka_streams", description=main.__doc__)
    parser.add_argument("--write-digests", action="store_true", help="pin what the pom brings now in jars.sha256")
    try:
        if parser.parse_args().write_digests:
            JARS.pin()
        print(compiled())
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
