"""What a message says: templates in a small, safe part of Jinja2, and a library of them that renders.

A template is text with variables, conditions and a few filters. Loops, calls, attributes and arithmetic are refused
when it is compiled: templates also come from the directory at run time, and no text that someone edits there may take
the processor's time or reach into it. Mails are plain text, so nothing is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final

import jinja2
import msgspec
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from schemas.vocabulary import Language
from services.notifier.domain.nodes import Node, Voice

Facts = Mapping[str, str]
"""Variables of a template, by name; all texts."""

VARIABLES: Final = frozenset(
    {
        "closes_at",
        "count",
        "due_at",
        "expires_at",
        "level",
        "lines",
        "minutes",
        "node",
        "percent",
        "pool",
        "priority",
        "progress_url",
        "reason",
        "recipient_name",
        "reply",
        "since",
        "solution",
        "subject_line",
        "survey_url",
        "target",
        "technician_name",
        "ticket_id",
    }
)
"""What a template may name. A variable that a node doesn't have is empty."""

FILTERS: Final = frozenset({"lower", "trim", "truncate", "upper"})
FOOTER: Final = "footer"
BUNDLE: Final = "bundle"
LINE: Final = "bundle_line"
BODIES: Final = (FOOTER, LINE)
"""What stands in a message and has no subject of its own."""
LINE_CHARACTERS_MAX: Final = 380
"""Of a hundred lines none may be cut off: see `VALUE_CHARACTERS_MAX`."""
SUBJECT_CHARACTERS_MAX: Final = 200
VALUE_CHARACTERS_MAX: Final = 40_000
BODY_CHARACTERS_MAX: Final = 90_000
TEMPLATE_CHARACTERS_MAX: Final = 20_000
COMPILED_MAX: Final = 512

_SUBJECT: Final = "Subject:"
_ALLOWED: Final = (
    nodes.And,
    nodes.Compare,
    nodes.CondExpr,
    nodes.Const,
    nodes.Filter,
    nodes.If,
    nodes.Name,
    nodes.Not,
    nodes.Operand,
    nodes.Or,
    nodes.Output,
    nodes.TemplateData,
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")
_BLANKS: Final = re.compile(r"\s+")

_environment: Final = ImmutableSandboxedEnvironment(
    autoescape=False,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class InvalidTemplate(ValueError):  # noqa: N818 - says what the template is
    """The template can't be used; the message names it and what is wrong."""


class Message(msgspec.Struct, frozen=True):
    """A finished message: one line, and a text of lines."""

    subject: str
    body: str


class Template(msgspec.Struct, frozen=True):
    """A compiled template."""

    subject: jinja2.Template
    body: jinja2.Template


class Words(msgspec.Struct, frozen=True):
    """Words of one language for names that are data; a name that isn't here stands for itself."""

    targets: Mapping[str, str] = {}


def template_id(node: Node, voice: Voice, language: Language) -> str:
    """Return the id of the template of a node, also in the directory: `opened.customer.zh-CN`."""
    return f"{node}.{voice}.{language}"


def footer_id(voice: Voice, language: Language) -> str:
    """Return the id of what stands under every message of a voice."""
    return f"{FOOTER}.{voice}.{language}"


def bundle_ids(language: Language) -> tuple[str, str]:
    """Return the ids of the templates of a bundle and of a line in it; they go to our own people."""
    return f"{BUNDLE}.{Voice.STAFF}.{language}", f"{LINE}.{Voice.STAFF}.{language}"


def split(name: str, text: str) -> tuple[str, str]:
    """Return the subject and the body that a template file holds: `Subject: …`, an empty line, the body.

    Raises:
        InvalidTemplate: it doesn't begin so.
    """
    first, _, rest = text.partition("\n")
    if not first.startswith(_SUBJECT) or not rest.startswith("\n"):
        raise InvalidTemplate(f"{name}: a template begins with a line `{_SUBJECT} …` and an empty one")
    return first[len(_SUBJECT) :].strip(), rest[1:]


@lru_cache(maxsize=COMPILED_MAX)
def compile_template(name: str, subject: str, body: str) -> Template:
    """Return a template that can be rendered with any values of `VARIABLES`.

    Raises:
        InvalidTemplate: it is malformed, too long, or uses what templates may not.
    """
    template = Template(_compiled(f"{name}: subject", subject), _compiled(f"{name}: body", body))
    for value in ("", "x"):
        # A filter with arguments that it can't take shows only when it runs.
        trial = dict.fromkeys(VARIABLES, value)
        try:
            _rendered(template.subject, trial)
            _rendered(template.body, trial)
        except InvalidTemplate as error:
            raise InvalidTemplate(f"{name}: {error}") from error
    return template


class Library:
    """All templates of the package, compiled, with the words of each language.

    Args:
        templates: by `template_id`, `footer_id` and `bundle_ids`.
        words: for every language.
    """

    def __init__(self, templates: Mapping[str, Template], words: Mapping[Language, Words]) -> None:
        self._templates = templates
        self._words = words

    def missing(self, voices: set[tuple[Node, Voice]]) -> list[str]:
        """Return the ids of the templates that `voices` need and that aren't here, in any language."""
        wanted = {template_id(node, voice, language) for node, voice in voices for language in Language}
        footers = {footer_id(voice, language) for _, voice in voices for language in Language}
        bundles = {each for language in Language for each in bundle_ids(language)}
        return sorted((wanted | footers | bundles) - set(self._templates))

    def render(
        self, node: Node, voice: Voice, language: Language, facts: Facts, override: Template | None = None
    ) -> Message:
        """Return the message of a node. `override` is used in place of the package's template.

        Whatever the template says, the subject begins with the ticket's id, by which answers by hand are found, and
        the footer with its links stands under the body.

        Raises:
            InvalidTemplate: the outcome is too long.
        """
        template = override if override is not None else self._templates[template_id(node, voice, language)]
        values = self._values(language, facts)
        footer = self._templates[footer_id(voice, language)].body
        subject = f"[{values['ticket_id']}] {_one_line(_rendered(template.subject, values))}"
        body = f"{_rendered(template.body, values).strip()}\n\n{_rendered(footer, values).strip()}\n"
        return Message(subject[:SUBJECT_CHARACTERS_MAX].rstrip(), _lines(body))

    def line(self, node: Node, language: Language, facts: Facts) -> str:
        """Return the line that stands for a message in a bundle."""
        _, name = bundle_ids(language)
        text = _one_line(_rendered(self._templates[name].body, self._values(language, {**facts, "node": node})))
        return text[:LINE_CHARACTERS_MAX]

    def bundle(self, language: Language, lines: Sequence[str]) -> Message:
        """Return the message that says several things at once, each in a line that `line` made."""
        name, _ = bundle_ids(language)
        return self._plain(self._templates[name], language, {"count": str(len(lines)), "lines": "\n".join(lines)})

    def of_pool(
        self, node: Node, voice: Voice, language: Language, facts: Facts, override: Template | None = None
    ) -> Message:
        """Return the message of a node that is no single ticket's.

        Raises:
            InvalidTemplate: the outcome is too long.
        """
        own = self._templates[template_id(node, voice, language)]
        return self._plain(override if override is not None else own, language, facts)

    def _plain(self, template: Template, language: Language, facts: Facts) -> Message:
        """A message without a ticket's id and footer."""
        values = self._values(language, facts)
        subject, body = _one_line(_rendered(template.subject, values)), _rendered(template.body, values)
        return Message(subject[:SUBJECT_CHARACTERS_MAX].rstrip(), _lines(f"{body.strip()}\n"))

    def _values(self, language: Language, facts: Facts) -> dict[str, str]:
        words = self._words[language]
        values = {name: facts.get(name, "")[:VALUE_CHARACTERS_MAX] for name in VARIABLES}
        values["target"] = words.targets.get(values["target"], values["target"])
        return values


def wall_time(instant: datetime, zone: tzinfo) -> str:
    """Return an instant as people read it: `2026-01-07 16:30 (UTC+08:00)`."""
    local = instant.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} (UTC{local.isoformat()[-6:]})"


def _compiled(name: str, text: str) -> jinja2.Template:
    if len(text) > TEMPLATE_CHARACTERS_MAX:
        raise InvalidTemplate(f"{name}: longer than {TEMPLATE_CHARACTERS_MAX} characters")
    try:
        tree = _environment.parse(text)
    except jinja2.TemplateSyntaxError as error:
        raise InvalidTemplate(f"{name}: {error.message} (line {error.lineno})") from error
    for part in tree.find_all(nodes.Node):
        if not isinstance(part, _ALLOWED):
            raise InvalidTemplate(f"{name}: {type(part).__name__.lower()} is not allowed (line {part.lineno})")
        if isinstance(part, nodes.Filter) and part.name not in FILTERS:
            raise InvalidTemplate(f"{name}: the filter {part.name} is not allowed (line {part.lineno})")
    if unknown := sorted(meta.find_undeclared_variables(tree) - VARIABLES):
        raise InvalidTemplate(f"{name}: unknown variables: {', '.join(unknown)}")
    return _environment.from_string(tree)


def _rendered(template: jinja2.Template, values: Facts) -> str:
    pieces: list[str] = []
    length = 0
    try:
        for piece in template.generate(values):
            pieces.append(piece)
            length += len(piece)
            if length > BODY_CHARACTERS_MAX:
                break
    except (jinja2.TemplateError, ArithmeticError, AssertionError, TypeError, ValueError) as error:
        raise InvalidTemplate(f"a filter can't be run: {error}") from error
    if length > BODY_CHARACTERS_MAX:
        raise InvalidTemplate(f"a message of more than {BODY_CHARACTERS_MAX} characters")
    return "".join(pieces)


def _one_line(text: str) -> str:
    return _BLANKS.sub(" ", _CONTROL.sub(" ", text)).strip()


def _lines(text: str) -> str:
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
