"""What a message says: its facts, the directory's words for them or the package's own, and how it goes with others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from schemas.notifications import Bundling
from schemas.pool_sla import SurgeDetected
from schemas.vocabulary import Language
from services.notifier.domain.audience import Audience
from services.notifier.domain.bundling import RANKS
from services.notifier.domain.content import (
    Facts,
    InvalidTemplate,
    Library,
    Message,
    Template,
    compile_template,
    template_id,
    wall_time,
)
from services.notifier.domain.nodes import Node, Voice, voice_of
from services.notifier.handlers.links import Links
from services.notifier.handlers.news import News
from services.notifier.handlers.recipients import Lookups, Recipient
from services.notifier.settings import NotifierSettings
from services.notifier.state import Known

Render: TypeAlias = Callable[[Node, Voice, Language, Facts, Template | None], Message]


class Letters:
    """Writes what recipients are told."""

    def __init__(self, settings: NotifierSettings, audience: Audience, library: Library, lookups: Lookups) -> None:
        self._audience = audience
        self._library = library
        self._lookups = lookups
        self._links = Links.of(settings)
        self._zone = settings.zone

    def of_ticket(self, news: News, recipient: Recipient, facts: Facts) -> Message:
        """The message about one ticket."""
        return self._written(self._library.render, news.node, recipient, facts)

    def of_surge(self, news: News, recipient: Recipient, data: SurgeDetected) -> Message:
        """The message about a pool whose breaches are many."""
        return self._written(self._library.of_pool, news.node, recipient, _surge_facts(data))

    def bundling(self, news: News, recipient: Recipient, facts: Facts, now: datetime) -> Bundling | None:
        """How the message may go out with others, None where it goes at once whatever comes with it."""
        rules = self._audience.bundling
        age = now - news.occurred_at
        priority = facts["priority"]
        if voice_of(recipient.role) is not Voice.STAFF or not rules.waits(news.node, priority, age):
            return None
        since = {"since": wall_time(news.occurred_at, self._zone)}
        bundling: Bundling = Bundling.new(
            hold=age > rules.late_after,
            window_seconds=self._audience.window(priority).total_seconds(),
            burst=rules.burst,
            line=self._library.line(news.node, recipient.language, {**facts, **since}),
            clock=news.clock,
            rank=RANKS[news.node],
        )
        return bundling

    def facts(self, ticket: Known, news: News, recipient: Recipient, ticket_id: str) -> dict[str, str]:
        """What a template may name."""
        facts = {
            "ticket_id": ticket_id,
            "subject_line": ticket.subject_line,
            "priority": news.priority or ticket.priority,
            "recipient_name": recipient.name,
            "technician_name": self._technician_name(news.technician_id or ticket.assignee),
            **news.facts,
            **{name: wall_time(instant, self._zone) for name, instant in news.times.items()},
        }
        if voice_of(recipient.role) is Voice.CUSTOMER:
            facts["progress_url"] = self._links.progress(ticket.tenant, ticket_id, news.occurred_at)
            if news.survey_id is not None:
                facts["survey_url"] = self._links.survey(
                    ticket.tenant, ticket_id, news.survey_id, news.occurred_at, news.times["expires_at"]
                )
        return facts

    def _written(self, render: Render, node: Node, recipient: Recipient, facts: Facts) -> Message:
        voice, language = voice_of(recipient.role), recipient.language
        override = self._override(node, voice, language)
        if override is not None:
            try:
                return render(node, voice, language, facts, override)
            except InvalidTemplate:
                # The directory's text is no reason not to tell: the package's own never fails.
                pass
        return render(node, voice, language, facts, None)

    def _override(self, node: Node, voice: Voice, language: Language) -> Template | None:
        """Return the directory's template where it has a usable one; `adapters.lookups` complains about others."""
        defined = self._lookups.template(template_id(node, voice, language))
        if defined is None:
            return None
        try:
            return compile_template(defined.template_id, defined.subject, defined.body)
        except InvalidTemplate:
            return None

    def _technician_name(self, technician_id: str | None) -> str:
        technician = self._lookups.technician(technician_id) if technician_id is not None else None
        return technician.name if technician is not None else ""


def _surge_facts(data: SurgeDetected) -> dict[str, str]:
    """What a template may name of a surge."""
    percent = "" if data.burn_rate is None or not data.verdicts else f"{data.breached / data.verdicts:.0%}"
    return {
        "pool": data.pool,
        "priority": data.priority,
        "count": str(data.breached),
        "minutes": f"{data.window_seconds / 60:g}",
        "percent": percent.removesuffix("%"),
        "lines": "\n".join(data.tickets),
    }
