"""Whoever subscribes installs the contracts and a Kafka client, and nothing of the product."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OURS = {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection", "msgspec"}
CLIENT = {"aiokafka", "async_timeout", "packaging"}


@pytest.mark.parametrize(
    ("module", "allowed"),
    [("schemas.catalog", {"schemas", *OURS}), ("subscriber", {"schemas", "subscriber", *OURS, *CLIENT})],
)
def test_nothing_else_is_imported(module: str, allowed: set[str]) -> None:
    program = f"""
import sys
before = set(sys.modules)
import {module}
print(*{{name.partition(".")[0] for name in set(sys.modules) - before}} - sys.stdlib_module_names)
"""
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    others = {name for name in output.split() if not name.startswith("_")} - allowed
    # Codecs that aiokafka takes when they are installed, and what its compiled parts leave behind.
    assert others - {"cramjam", "cython_runtime", "lz4", "zstandard", "snappy", "tzdata"} == set()
