"""The processes of each stack, written down as they start, so that `down` and the next run find exactly those.

A stack's folder under `build/stack` holds `processes.json`: who started it, whether it may outlive its starter, and
each process by pid and start time.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from deploy.local import processes
from deploy.local.errors import StackError
from deploy.local.folders import STACKS
from deploy.local.processes import Running

_FILE = "processes.json"
# What services commit their work to is stopped after them.
SERVERS = frozenset({"kafka", "redis", "mail", "prometheus", "alertmanager"})


def write_json(path: Path, value: Mapping[str, object], *, readable_by_others: bool = True) -> None:
    """Write `value` to `path`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arriving = path.with_suffix(".part")
    arriving.touch(mode=0o644 if readable_by_others else 0o600)
    arriving.write_text(json.dumps(value, indent=2) + "\n")
    arriving.replace(path)


class Register:
    """What a stack in `folder` consists of. `detached`: it is meant to outlive the process that starts it."""

    def __init__(self, folder: Path, *, detached: bool) -> None:
        self._path = folder / _FILE
        self._detached = detached
        self._owner = Running.of("starter", os.getpid())
        self._complete = False
        self._processes: list[Running] = []
        self._write()

    def add(self, running: Running) -> None:
        """Write down a process that was just started."""
        self._processes.append(running)
        self._write()

    def complete(self) -> None:
        """Write down that the stack came up whole."""
        self._complete = True
        self._write()

    def _write(self) -> None:
        value = {
            "detached": self._detached,
            "complete": self._complete,
            "owner": asdict(self._owner),
            "processes": [asdict(each) for each in self._processes],
        }
        write_json(self._path, value)


class Found:
    """What a register in `folder` says about a stack started earlier; an empty one where there is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            value = json.loads((folder / _FILE).read_text())
        except FileNotFoundError:
            value = {"detached": False, "complete": False, "owner": None, "processes": []}
        self._detached = bool(value["detached"])
        self._complete = bool(value["complete"])
        self._owner = None if value["owner"] is None else Running(**value["owner"])
        self.processes = tuple(Running(**each) for each in value["processes"])

    def alive(self) -> list[Running]:
        """Return the stack's processes that still live."""
        return [each for each in self.processes if each.is_alive()]

    def is_whole(self) -> bool:
        """Tell whether the stack came up and all of it is running."""
        # Of a process that was started twice only the last counts.
        last = {each.name: each for each in self.processes}
        return self._complete and bool(last) and all(each.is_alive() for each in last.values())

    def is_left_over(self) -> bool:
        """Tell whether nobody looks after this stack any more: its starter is gone and was not to leave it running."""
        owned = self._owner is not None and self._owner.is_alive()
        return not owned and not (self._detached and self._complete)

    def stop(self) -> int:
        """End what still lives, services before the servers they use; return how many that were. Raises StackError."""
        alive = self.alive()
        servers = [each for each in alive if each.name.partition("-")[0] in SERVERS]
        processes.stop([each for each in alive if each not in servers])
        processes.stop(servers)
        return len(alive)


def sweep(parent: Path = STACKS) -> list[str]:
    """End and remove what crashed runs have left under `parent`; return the names of those stacks.

    Raises:
        StackError: a process of theirs can't be ended.
    """
    swept = []
    for path in sorted(parent.glob(f"*/{_FILE}")):
        folder = path.parent
        found = Found(folder)
        if not found.is_left_over():
            continue
        if found.stop() or found.processes:
            swept.append(folder.name)
        shutil.rmtree(folder, ignore_errors=True)
    return swept


def claim(folder: Path, *, detached: bool) -> Register:
    """Return a new register for `folder`, made empty, after sweeping up what earlier runs left behind.

    Raises:
        StackError: the stack of this name is running and has an owner, or left-overs can't be ended.
    """
    sweep(folder.parent)
    found = Found(folder)
    if found.alive() and not found.is_left_over():
        raise StackError(f"the stack {folder.name} is running: stop it first")
    shutil.rmtree(folder, ignore_errors=True)
    return Register(folder, detached=detached)
