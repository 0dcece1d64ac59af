"""Processes of a stack: started into a log, known by pid and start time, stopped within a bound.

A pid alone names nobody: after a crash the kernel may have given it to a stranger. Pid and start time together name
one process for as long as the machine runs, so that is what is written down and compared before any signal.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.local.errors import StackError
from deploy.local.waiting import holds_within

STOP_SECONDS = 15.0
KILL_SECONDS = 5.0

# Kept so that our own children are reaped, and not taken for living when they are zombies.
_children: dict[int, subprocess.Popen[bytes]] = {}


def _start_ticks(pid: int) -> int | None:
    """Return when `pid` started, in clock ticks since boot; None when no such process lives (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name stands in parentheses and may hold anything, so the fields are counted from its end:
    # the first is the state (field 3 of proc(5)), the 18th the number of threads, the 20th the start time.
    fields = stat.rpartition(")")[2].split()
    # A Java whose first thread is a zombie still holds its ports and files until the other threads have ended.
    if fields[0] not in "ZX" or int(fields[17]) > 1:
        return int(fields[19])
    if (child := _children.get(pid)) is not None:
        child.poll()  # reaps it
    return None


@dataclass(frozen=True)
class Running:
    """One started process. `start_ticks` are clock ticks since boot, as in /proc."""

    name: str
    pid: int
    start_ticks: int

    @classmethod
    def of(cls, name: str, pid: int) -> Self:
        """Return the process that has `pid` now.

        Raises:
            StackError: there is none.
        """
        ticks = _start_ticks(pid)
        if ticks is None:
            raise StackError(f"{name} (pid {pid}) ended as soon as it started")
        return cls(name, pid, ticks)

    def is_alive(self) -> bool:
        """Tell whether this very process lives, not another that was given its pid."""
        return _start_ticks(self.pid) == self.start_ticks

    def send(self, number: signal.Signals) -> None:
        """Signal this process; nothing happens when it has ended."""
        if not self.is_alive():
            return
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return

    def exit_code(self) -> int | None:
        """Return the exit code of an ended child of ours, negative for a signal; None if unknown or still running."""
        child = _children.get(self.pid)
        return None if child is None else child.poll()


def start(name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str], tied: bool) -> Running:
    """Start `command` with stdout and stderr appended to `log` and exactly `environment`.

    `tied` processes are killed by the kernel when the *thread* that called this ends, however it ends: so start them
    from the main thread. Untied ones live on. Neither gets the terminal's signals.

    Raises:
        StackError: the command does not exist or ended at once.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            child = subprocess.Popen(
                [*(_die_with_us() if tied else ()), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=log.parent,
                start_new_session=True,
            )
        except OSError as error:
            raise StackError(f"could not start {name}: {error}") from error
    _children[child.pid] = child
    return Running.of(name, child.pid)


def _die_with_us() -> Sequence[str]:
    """Return what to put before a command so that the kernel kills it when its starter dies; it keeps its pid.

    Should the starter die before the kernel is told, then the shell has another parent by now, and starts nothing.
    """
    setpriv = shutil.which("setpriv")  # of util-linux; without it a killed run is swept up by the next one
    if setpriv is None:
        return []
    return [setpriv, "--pdeathsig", "KILL", "--", "/bin/sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"', str(os.getpid())]


def stop(running: Sequence[Running], *, seconds: float = STOP_SECONDS) -> None:
    """End all these processes: SIGTERM to all, at most `seconds` of patience, then SIGKILL.

    Raises:
        StackError: one of them lives even so.
    """
    for process in running:
        process.send(signal.SIGTERM)
    # A process that was paused can't hear SIGTERM.
    for process in running:
        process.send(signal.SIGCONT)
    if not holds_within(lambda: not any(process.is_alive() for process in running), seconds):
        kill([process for process in running if process.is_alive()])


def kill(running: Sequence[Running]) -> None:
    """End all these processes at once with SIGKILL.

    Raises:
        StackError: one of them lives even so.
    """
    for process in running:
        process.send(signal.SIGKILL)
    if not holds_within(lambda: not any(process.is_alive() for process in running), KILL_SECONDS):
        left = ", ".join(f"{process.name} (pid {process.pid})" for process in running if process.is_alive())
        raise StackError(f"still alive after SIGKILL: {left}")
