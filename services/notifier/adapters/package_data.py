"""Loads what the package ships as data: the rules, templates and words. All of it is checked at start."""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from schemas.vocabulary import Language, Medium
from services.notifier.domain.audience import Audience, InvalidAudience, parse_audience
from services.notifier.domain.content import BODIES, InvalidTemplate, Library, Template, Words, compile_template, split

_PACKAGE: Final = "services.notifier"
_SUFFIX: Final = ".jinja2"


def load_audience(path: Path | None, media: Collection[Medium]) -> Audience:
    """Return the rules in `path`, or the package's own.

    Args:
        path: a YAML file, or None.
        media: those that have a sender.

    Raises:
        InvalidAudience: the file can't be read, or its rules can't be used; the message names file and place.
    """
    source: Traversable = path if path is not None else files(_PACKAGE) / "rules" / "audience.yaml"
    try:
        return parse_audience(_yaml(source), media)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, InvalidAudience) as error:
        raise InvalidAudience(f"{source}: {error}") from error


def load_library() -> Library:
    """Return the package's templates.

    Raises:
        InvalidTemplate: one of them can't be used.
    """
    folder = files(_PACKAGE) / "templates"
    templates = {
        file.name.removesuffix(_SUFFIX): _template(file.name.removesuffix(_SUFFIX), file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(_SUFFIX)
    }
    words = msgspec.convert(_yaml(folder / "words.yaml"), dict[Language, Words])
    return Library(templates, words)


def refuse_missing(audience: Audience, library: Library) -> None:
    """Refuse rules that speak where no template exists.

    Raises:
        InvalidAudience: naming the templates that are missing.
    """
    if missing := library.missing(set(audience.voices())):
        raise InvalidAudience(f"the rules need templates that don't exist: {', '.join(missing)}")


def _template(name: str, text: str) -> Template:
    if name.partition(".")[0] in BODIES:
        return compile_template(name, "", text)
    subject, body = split(name, text)
    if not subject or not body.strip():
        raise InvalidTemplate(f"{name}: subject and body must say something")
    return compile_template(name, subject, body)


def _yaml(source: Traversable) -> Any:
    return yaml.safe_load(source.read_text(encoding="utf-8"))
