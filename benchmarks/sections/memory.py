"""Memory a key and a timer: fresh processes that restore a million keys with none, one and two timers each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Final

from benchmarks.section import Bench, Goal, Section
from deploy.local.folders import REPOSITORY

KEYS: Final = (1_000_000, 50_000)
_SECONDS: Final = 180.0


def _run(bench: Bench) -> dict[str, Any]:
    keys = KEYS[int(bench.quick)]
    without, one, two = (_bytes_a_key(keys, timers) for timers in range(3))
    memory = {
        "keys": keys,
        "bytes_a_key": without,
        "bytes_a_key_with_one_timer": one,
        "bytes_a_timer": one - without,
        "bytes_a_further_timer": two - one,
    }
    bench.console.print(
        f"{keys:,} keys: {without:,} bytes a key, {one:,} with one timer pending, {two:,} with two", markup=False
    )
    return {"memory": memory}


def _bytes_a_key(keys: int, timers: int) -> int:
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", str(keys), str(timers)],
        cwd=REPOSITORY,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=True,
    )
    found = json.loads(answer.stdout)
    return round(int(found["bytes"]) / int(found["keys"]))


SECTION: Final = Section(
    "memory", _run, (Goal("1 M timers pending, bytes each", ("memory", "bytes_a_timer"), at_most=500.0),)
)
