"""`intake.normaliser`: what arrived becomes what is wanted of a ticket.

Deduplicates, threads, classifies and redacts. Command ids follow from the message's own id, so that a message which
comes again by another way is still one command: `<ticket id>:open`, `<ticket id>:message:<id of the message>`.
"""

from __future__ import annotations

from typing import Final

from schemas.contract import Contract
from schemas.ids import ticket_id
from schemas.intake_requests import RequestReceived
from schemas.ticket_commands import AddCustomerMessage, OpenTicket
from schemas.topics import CHANGELOGS, DEAD_LETTERS, INTAKE_REQUESTS, RETRIES, TICKET_COMMANDS
from services._runtime.engine.topology import Change, Context, Decision, Emit, Event, Timer, Topology
from services.intake.domain.classification import classify
from services.intake.domain.conversation import forgotten_at, mark_of, store_key, text_of, ticket_of, with_message
from services.intake.domain.redaction import redact
from services.intake.domain.rules import Rules
from services.intake.handlers.tally import Fate, RequestHandled
from services.intake.state import CONVERSATIONS_VERSION, Conversation

FORGET: Final = "forget"


def normaliser_topology(rules: Rules) -> Topology[Conversation]:
    """The topology, deciding by `rules`."""
    return Topology(
        name="intake.normaliser",
        service="intake",
        inputs=(INTAKE_REQUESTS,),
        writes=(TICKET_COMMANDS,),
        changelog=CHANGELOGS["intake", "conversations"],
        dead_letters=DEAD_LETTERS["intake"],
        retries=RETRIES["intake.normaliser"],
        handlers={RequestReceived: Normaliser(rules).on_request},
        on_timer=on_timer,
        state_type=Conversation,
        state_version=CONVERSATIONS_VERSION,
    )


class Normaliser:
    """The handler, with the rules that it decides by."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def on_request(self, _state: Conversation | None, event: Event, context: Context) -> Decision[Conversation]:
        """Make a command of a message, once; none of what no person wrote (RFC 3834)."""
        request: RequestReceived = event.data
        if request.automatic is not None:
            return _only(request, Fate.AUTOMATIC)
        key = store_key(event.tenant, context.key)
        conversation: Conversation | None = context.get(key)
        mark = mark_of(request)
        if conversation is not None and mark in conversation.seen:
            return _only(request, Fate.DUPLICATE)
        own_id = ticket_id(event.tenant, request.channel.value, request.external_id)
        thread_id = ticket_of(request, event.occurred_at, conversation, self._rules.threading) or own_id
        new = with_message(conversation, thread_id, event.occurred_at, mark)
        forget = Timer(FORGET, forgotten_at(new, request.channel, context.now, self._rules.threading), 0)
        command: Contract
        # The thread index knows the first message of a ticket too: coming again, it is still what opens the ticket.
        if thread_id == own_id:
            command, command_id, fate = self._opening(request, own_id), f"{own_id}:open", Fate.OPENED
        else:
            command, command_id = self._message(request, thread_id), f"{thread_id}:message:{own_id}"
            fate = Fate.THREADED
        return Decision(
            emits=(Emit(TICKET_COMMANDS, thread_id, command, command_id, None, thread_id),),
            changes=(Change(key, new, (forget,)),),
            effects=(RequestHandled(request.channel, fate),),
        )

    def _opening(self, request: RequestReceived, own_id: str) -> OpenTicket:
        rules = self._rules
        classified = classify(request, rules)
        steps = request.steps_to_reproduce
        return OpenTicket.new(
            ticket_id=own_id,
            channel=request.channel,
            external_id=request.external_id,
            conversation=request.conversation,
            requester=request.requester,
            subject=redact(request.subject, rules.redact),
            body=redact(request.body, rules.redact),
            issue_type=classified.issue_type,
            product=request.product,
            version=request.version,
            users_affected_percent=request.users_affected_percent,
            steps_to_reproduce=redact(steps, rules.redact) if steps is not None else None,
            screenshot_url=request.screenshot_url,
            impact=classified.impact,
            urgency=classified.urgency,
            category=classified.category,
            priority=classified.priority,
            priority_reason=classified.priority_reason,
            pool=classified.pool,
            skills=classified.skills,
            level=classified.level,
            missing_fields=classified.missing_fields,
        )

    def _message(self, request: RequestReceived, thread_id: str) -> AddCustomerMessage:
        return AddCustomerMessage.new(
            ticket_id=thread_id,
            message_id=request.external_id,
            channel=request.channel,
            body=redact(text_of(request), self._rules.redact),
        )


def on_timer(_state: Conversation, _timer: Timer, _context: Context) -> Decision[Conversation]:
    """Forget the conversation."""
    return Decision(state=None)


def _only(request: RequestReceived, fate: Fate) -> Decision[Conversation]:
    """Count the request and do nothing else."""
    return Decision(effects=(RequestHandled(request.channel, fate),))
