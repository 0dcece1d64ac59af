"""Reads the normaliser's rules from a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from services.intake.domain.rules import InvalidRules, Rules, parse_rules

STANDARD: Final = Path(__file__).parent.parent / "rules" / "cn-standard.yaml"
"""The rules that come with the product."""


def load_rules(path: Path | None = None) -> Rules:
    """The rules in a file, the standard ones without.

    Raises:
        OSError: the file can't be read.
        InvalidRules: it is no YAML, or not usable rules; the message names the file.
    """
    source = path if path is not None else STANDARD
    try:
        return parse_rules(yaml.safe_load(source.read_text(encoding="utf-8")))
    except (yaml.YAMLError, InvalidRules) as error:
        raise InvalidRules(f"{source.name}: {error}") from error
