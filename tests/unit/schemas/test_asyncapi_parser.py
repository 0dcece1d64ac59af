"""The generated AsyncAPI document in the eyes of AsyncAPI's own parser."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from schemas.catalog import CATALOG
from schemas.topics import TOPICS

ROOT: Final = Path(__file__).parents[3]
GENERATED: Final = ROOT / "schemas" / "generated"
PARSER: Final = ROOT / ".cache" / "asyncapi"

pytestmark = pytest.mark.timeout(180)


def validate(document: Path) -> tuple[int, dict[str, Any]]:
    assert (PARSER / "node_modules").is_dir(), "run `make setup-test`: the parser is not there"
    result = subprocess.run(
        ["node", "validate.mjs", str(document)],  # noqa: S607 - Node.js is where it was installed
        cwd=PARSER,
        capture_output=True,
        check=False,
        timeout=150,
    )
    found: dict[str, Any] = json.loads(result.stdout)
    return result.returncode, found


def test_the_official_parser_takes_every_channel_and_message() -> None:
    code, found = validate(GENERATED / "asyncapi.yaml")
    # That 3.0 is not the newest version is the one thing it may remark.
    remarks = [each for each in found["diagnostics"] if each["code"] != "asyncapi-latest-version"]
    assert (code, remarks) == (0, [])
    assert set(found["channels"]) == {topic.name for topic in TOPICS if topic.types}
    assert set(found["messages"]) == set(CATALOG)


def test_the_official_parser_refuses_a_broken_document(tmp_path: Path) -> None:
    shutil.copytree(GENERATED, tmp_path / "generated")
    path = tmp_path / "generated" / "asyncapi.yaml"
    path.write_text(path.read_text("utf-8").replace("action: send", "action: shout", 1), "utf-8")
    code, found = validate(path)
    assert code == 1
    assert any(each["severity"] == 0 for each in found["diagnostics"])
