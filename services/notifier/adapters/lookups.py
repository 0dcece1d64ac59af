"""Answers the notifier's questions from the directory in memory."""

from __future__ import annotations

from schemas.directory import PoolDefined, TechnicianDefined, TemplateDefined
from services._runtime.directory.directory import Directory
from services._runtime.logs import get_logger
from services.notifier.domain.content import InvalidTemplate, compile_template, template_id
from services.notifier.domain.nodes import Node, Voice
from services.notifier.handlers.recipients import Lookups

log = get_logger(__name__)


def lookups_in(directory: Directory) -> Lookups:
    """Return lookups that see the directory as it is at the moment of asking."""
    return Lookups(
        technician=lambda technician_id: directory.get(TechnicianDefined, technician_id),
        pool=lambda pool: directory.get(PoolDefined, pool),
        template=_Templates(directory).get,
        version=lambda: directory.version,
    )


class _Templates:
    """Templates of the directory that can be used; of one that can't a warning tells once, until it changes."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._refused: dict[str, TemplateDefined] = {}

    def get(self, name: str) -> TemplateDefined | None:
        defined = self._directory.get(TemplateDefined, name)
        if defined is None or self._refused.get(name) is defined:
            return None
        try:
            _check(defined)
        except InvalidTemplate as error:
            # As many as there are templates in the package: only their names are asked for.
            self._refused[name] = defined
            log.warning("directory_template_refused", template=name, reason=str(error))
            return None
        return defined


def _check(defined: TemplateDefined) -> None:
    names = {template_id(node, voice, defined.language) for node in Node for voice in Voice if node == defined.node}
    if defined.template_id not in names:
        raise InvalidTemplate(f"{defined.template_id}: its id is not made of its node and language")
    compile_template(defined.template_id, defined.subject, defined.body)
