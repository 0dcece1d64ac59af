"""Jars fetched once by Maven from a pinned `pom.xml`, checked against the `jars.sha256` beside it."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local import java
from deploy.local.errors import StackError
from deploy.local.folders import CACHE, emptied

_FETCH_SECONDS = 900.0
_CHUNK_BYTES = 1 << 20


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as jar:
        while chunk := jar.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@dataclass(frozen=True)
class JarSet:
    """What the `pom.xml` in `home` brings; `what` says in a few words what that is, and how much."""

    home: Path
    what: str

    @property
    def pom(self) -> Path:
        """Return the list of what is wanted."""
        return self.home / "pom.xml"

    @property
    def digests(self) -> Path:
        """Return the list of what must come of it."""
        return self.home / "jars.sha256"

    def _folder(self) -> Path:
        """Return the folder for exactly this pom, so that a change of versions fetches anew."""
        wanted = self.pom.read_bytes() + self.digests.read_bytes()
        return CACHE / "jars" / hashlib.sha256(wanted).hexdigest()[:12]

    def differences(self, folder: Path) -> list[str]:
        """Return how the jars in `folder` differ from the list of digests, a line each; none when all is well."""
        lines = (line.split() for line in self.digests.read_text().splitlines() if line)
        wanted = {name: digest for digest, name in lines}
        found = {path.name: _digest(path) for path in folder.glob("*.jar")}
        return [
            f"{name}: wanted {wanted.get(name, 'absent')}, found {found.get(name, 'absent')}"
            for name in sorted(wanted.keys() | found.keys())
            if wanted.get(name) != found.get(name)
        ]

    def pin(self) -> None:
        """Write the digests anew from what the pom brings now: part of changing a version in it, never of a run.

        Raises:
            StackError: the jars could not be fetched.
        """
        arriving = emptied(CACHE / "jars" / "pinning")
        self.fetch(arriving)
        self.digests.write_text("".join(f"{_digest(path)}  {path.name}\n" for path in sorted(arriving.glob("*.jar"))))
        shutil.rmtree(arriving)

    def fetch(self, folder: Path) -> None:
        """Let Maven copy the jars that the pom names into `folder`, showing its progress.

        Raises:
            StackError: Maven is missing or failed.
        """
        maven = shutil.which("mvn")
        if maven is None:
            raise StackError("Maven is missing: apt-get install maven")
        folder.mkdir(parents=True, exist_ok=True)
        command = [maven, "--batch-mode", "--file", str(self.pom), "--no-transfer-progress"]
        copy = ["dependency:copy-dependencies", f"-DoutputDirectory={folder.resolve()}"]
        environment = {**os.environ, "JAVA_HOME": str(java.find().resolve().parents[1])}
        print(f"fetching {self.what} with Maven", flush=True)
        try:
            subprocess.run([*command, *copy], env=environment, timeout=_FETCH_SECONDS, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise StackError(f"Maven could not fetch the jars: {error}") from error

    def ensure(self) -> Path:
        """Return the folder with all jars, fetching them when they are not there yet.

        Raises:
            StackError: they could not be fetched or are not the ones listed.
        """
        folder = self._folder()
        if folder.is_dir():
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at once fetch once; bounded by the time-out of the fetch
            if folder.is_dir():
                return folder
            arriving = folder.with_suffix(".part")
            shutil.rmtree(arriving, ignore_errors=True)
            self.fetch(arriving)
            if wrong := self.differences(arriving):
                raise StackError(f"these jars are not the ones pinned in {self.digests}:\n" + "\n".join(wrong))
            arriving.rename(folder)
        return folder


STACK: Final = JarSet(Path(__file__).parent, "the jars of Kafka and GreenMail (once, about 50 MB)")


def ensure() -> Path:
    """Return the folder with the jars of the stack; raises as `JarSet.ensure` does."""
    return STACK.ensure()


def kafka_classpath() -> str:
    """Return the class path of a broker; raises as `JarSet.ensure` does."""
    return ":".join(str(jar) for jar in sorted(ensure().glob("*.jar")) if not jar.name.startswith("greenmail"))


def greenmail() -> Path:
    """Return the stand-alone mail server; raises as `JarSet.ensure` does."""
    return next(ensure().glob("greenmail-standalone-*.jar"))
