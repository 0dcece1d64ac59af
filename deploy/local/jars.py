"""The jars of Kafka and GreenMail: fetched once by Maven from the pinned `pom.xml`, checked against `jars.sha256`."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from deploy.local import java
from deploy.local.errors import StackError
from deploy.local.folders import CACHE, emptied

POM = Path(__file__).with_name("pom.xml")
DIGESTS = Path(__file__).with_name("jars.sha256")
_FETCH_SECONDS = 900.0
_CHUNK_BYTES = 1 << 20


def _folder() -> Path:
    """Return the folder for exactly this pom, so that a change of versions fetches anew."""
    return CACHE / "jars" / hashlib.sha256(POM.read_bytes() + DIGESTS.read_bytes()).hexdigest()[:12]


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as jar:
        while chunk := jar.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def differences(folder: Path) -> list[str]:
    """Return how the jars in `folder` differ from the list in `jars.sha256`, a line each; none when all is well."""
    wanted = {name: digest for digest, name in (line.split() for line in DIGESTS.read_text().splitlines() if line)}
    found = {path.name: _digest(path) for path in folder.glob("*.jar")}
    return [
        f"{name}: wanted {wanted.get(name, 'absent')}, found {found.get(name, 'absent')}"
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    ]


def pin() -> None:
    """Write `jars.sha256` anew from what the pom brings now: part of changing a version in it, never of a run.

    Raises:
        StackError: the jars could not be fetched.
    """
    arriving = emptied(CACHE / "jars" / "pinning")
    fetch(arriving)
    DIGESTS.write_text("".join(f"{_digest(path)}  {path.name}\n" for path in sorted(arriving.glob("*.jar"))))
    shutil.rmtree(arriving)


def fetch(folder: Path) -> None:
    """Let Maven copy the jars that the pom names into `folder`, showing its progress.

    Raises:
        StackError: Maven is missing or failed.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise StackError("Maven is missing: apt-get install maven")
    folder.mkdir(parents=True, exist_ok=True)
    command = [maven, "--batch-mode", "--file", str(POM), "--no-transfer-progress", "dependency:copy-dependencies"]
    environment = {**os.environ, "JAVA_HOME": str(java.find().resolve().parents[1])}
    print("fetching the jars of Kafka and GreenMail with Maven (once, about 50 MB)", flush=True)
    try:
        subprocess.run(
            [*command, f"-DoutputDirectory={folder.resolve()}"], env=environment, timeout=_FETCH_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise StackError(f"Maven could not fetch the jars: {error}") from error


def ensure() -> Path:
    """Return the folder with all jars, fetching them when they are not there yet.

    Raises:
        StackError: they could not be fetched or are not the ones listed.
    """
    folder = _folder()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at once fetch once; bounded by the time-out of the fetch
        if folder.is_dir():
            return folder
        arriving = folder.with_suffix(".part")
        shutil.rmtree(arriving, ignore_errors=True)
        fetch(arriving)
        if wrong := differences(arriving):
            raise StackError("these jars are not the ones pinned in jars.sha256:\n" + "\n".join(wrong))
        arriving.rename(folder)
    return folder


def kafka_classpath() -> str:
    """Return the class path of a broker; raises as `ensure` does."""
    return ":".join(str(jar) for jar in sorted(ensure().glob("*.jar")) if not jar.name.startswith("greenmail"))


def greenmail() -> Path:
    """Return the stand-alone mail server; raises as `ensure` does."""
    return next(ensure().glob("greenmail-standalone-*.jar"))
