"""What each event of a ticket, each answer and each timer changes.

Closed, then asked, then answered or expired. Reopening before the question is asked takes it back; a survey that was
asked stays open, for its cycle is over whatever comes next.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from schemas.contract import Contract
from schemas.feedback import (
    AnswerRefused,
    RatingReceived,
    ReviewRequested,
    SurveyAnswered,
    SurveyExpired,
    SurveyRequested,
    SurveySkipped,
)
from schemas.ticket_events import TicketCancelled, TicketClosed, TicketEvent, TicketMerged, TicketReopened
from schemas.topics import CHANGELOGS, DEAD_LETTERS, FEEDBACK_ANSWERS, RETRIES, TICKET_EVENTS, TICKET_FEEDBACK
from services._runtime.engine.topology import NOTHING, RELAXED_SECONDS, Context, Decision, Emit, Event, Timer, Topology
from services.feedback.domain import eligibility, rating, review, survey
from services.feedback.domain.policy import Policy
from services.feedback.domain.survey import Survey, SurveyStatus
from services.feedback.settings import FeedbackSettings
from services.feedback.state import ASK, EXPIRE, STATE_VERSION, Feedback, timings

REQUESTED: Final = "requested"
SKIPPED: Final = "skipped"
EXPIRED: Final = "expired"
RATED: Final = "rated"
RATED_LOW: Final = "rated_low"
REFUSED: Final = "refused"
OUTCOMES: Final = (REQUESTED, SKIPPED, EXPIRED, RATED, RATED_LOW, REFUSED)

_NO_SCORE: Final = "no score given"


class SurveyMoved(msgspec.Struct, frozen=True, gc=False):
    """Effect, for metrics: what became of a survey or an answer (`REQUESTED`, …), with the scores of a rating."""

    outcome: str
    csat: int | None = None
    nps: int | None = None


def feedback_topology(settings: FeedbackSettings) -> Topology[Feedback]:
    """`feedback.surveys`."""
    surveys = Surveys(settings.policy)
    return Topology(
        name="feedback.surveys",
        service="feedback",
        inputs=(TICKET_EVENTS, FEEDBACK_ANSWERS),
        writes=(TICKET_FEEDBACK,),
        changelog=CHANGELOGS["feedback", "surveys"],
        dead_letters=DEAD_LETTERS["feedback"],
        retries=RETRIES["feedback.surveys"],
        handlers={
            TicketClosed: surveys.on_closed,
            TicketReopened: surveys.on_reopened,
            TicketCancelled: surveys.on_ended,
            TicketMerged: surveys.on_ended,
            SurveyAnswered: surveys.on_answered,
        },
        on_timer=surveys.on_timer,
        state_type=Feedback,
        state_version=STATE_VERSION,
        gather_seconds=RELAXED_SECONDS,
    )


class Surveys:
    """The handlers, with the policy that they decide by."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def on_closed(self, state: Feedback | None, event: Event, _context: Context) -> Decision[Feedback]:
        """Plan to ask."""
        closed: TicketClosed = event.data
        if _is_known(state, closed):
            return NOTHING
        if state is not None and not state.ticket_open:
            # Closed again without having been open: still the same closing, which is asked about once.
            return self._keep(state, event, sequence=closed.sequence)
        known = state if state is not None else Feedback(event.tenant, closed.sequence, event.occurred_at)
        ask_at = survey.ask_at(event.occurred_at, self._policy)
        return self._keep(known, event, sequence=closed.sequence, ticket_open=False, ask_at=ask_at)

    def on_reopened(self, state: Feedback | None, event: Event, _context: Context) -> Decision[Feedback]:
        """Not solved after all: don't ask yet."""
        reopened: TicketReopened = event.data
        if _is_known(state, reopened):
            return NOTHING
        known = state if state is not None else Feedback(event.tenant, reopened.sequence, event.occurred_at)
        return self._keep(known, event, sequence=reopened.sequence, cycle=reopened.cycle, ticket_open=True, ask_at=None)

    def on_ended(self, state: Feedback | None, event: Event, _context: Context) -> Decision[Feedback]:
        """Cancelled or merged: there is no solution to ask about."""
        ended: TicketCancelled | TicketMerged = event.data
        if state is None or _is_known(state, ended):
            return NOTHING
        return self._keep(state, event, sequence=ended.sequence, ticket_open=False, ask_at=None)

    def on_answered(self, state: Feedback | None, event: Event, context: Context) -> Decision[Feedback]:
        """Take the first valid answer; say why any other doesn't count."""
        answer: SurveyAnswered = event.data
        asked = state.survey if state is not None else None
        reason = survey.reason_to_refuse(asked, answer.survey_id, event.occurred_at)
        if reason is None and not rating.has_score(answer.csat, answer.nps):
            reason = _NO_SCORE
        if reason is not None or state is None or asked is None:
            return _refuse(state, event, context, reason or "")
        low = rating.is_low(answer.csat, answer.nps, self._policy)
        received = RatingReceived.new(
            ticket_id=event.key,
            cycle=asked.cycle,
            survey_id=asked.survey_id,
            csat=answer.csat,
            nps=answer.nps,
            comment=answer.comment,
            low=low,
            **_grounds(context),
        )
        emits = [_emit(state, event.key, received, f"{asked.survey_id}:rating")]
        if low:
            emits.append(_review(state, asked, answer, context))
        answered = msgspec.structs.replace(asked, status=SurveyStatus.ANSWERED)
        new = msgspec.structs.replace(state, settled_at=event.occurred_at, survey=answered)
        moved = SurveyMoved(RATED_LOW if low else RATED, answer.csat, answer.nps)
        return Decision(state=new, timers=self._timers(new), emits=emits, effects=[moved])

    def on_timer(self, state: Feedback, timer: Timer, context: Context) -> Decision[Feedback]:
        """Ask, give up waiting, or forget."""
        if timer.kind == ASK:
            return self._ask(state, context)
        if timer.kind == EXPIRE:
            return self._expire(state, context)
        return Decision(state=None)

    def _ask(self, state: Feedback, context: Context) -> Decision[Feedback]:
        reason = eligibility.reason_to_skip(state.survey, context.now, self._policy)
        if reason is not None:
            skipped = SurveySkipped.new(ticket_id=context.key, cycle=state.cycle, reason=reason, **_grounds(context))
            emit = _emit(state, context.key, skipped, f"{survey.survey_id_of(context.key, state.cycle)}:skipped")
            new = msgspec.structs.replace(state, settled_at=context.now, ask_at=None)
            return Decision(state=new, timers=self._timers(new), emits=[emit], effects=[SurveyMoved(SKIPPED)])
        asked = survey.asked(context.key, state.cycle, context.now, self._policy)
        requested = SurveyRequested.new(
            ticket_id=context.key,
            cycle=asked.cycle,
            survey_id=asked.survey_id,
            expires_at=asked.expires_at,
            **_grounds(context),
        )
        emit = _emit(state, context.key, requested, f"{asked.survey_id}:requested")
        new = msgspec.structs.replace(state, settled_at=context.now, ask_at=None, survey=asked)
        return Decision(state=new, timers=self._timers(new), emits=[emit], effects=[SurveyMoved(REQUESTED)])

    def _expire(self, state: Feedback, context: Context) -> Decision[Feedback]:
        asked = state.survey
        if asked is None:
            return NOTHING
        expired = SurveyExpired.new(
            ticket_id=context.key, cycle=asked.cycle, survey_id=asked.survey_id, **_grounds(context)
        )
        emit = _emit(state, context.key, expired, f"{asked.survey_id}:expired")
        over = msgspec.structs.replace(asked, status=SurveyStatus.EXPIRED)
        new = msgspec.structs.replace(state, settled_at=context.now, survey=over)
        return Decision(state=new, timers=self._timers(new), emits=[emit], effects=[SurveyMoved(EXPIRED)])

    def _keep(self, state: Feedback, event: Event, **changes: object) -> Decision[Feedback]:
        new = msgspec.structs.replace(state, settled_at=event.occurred_at, **changes)
        return Decision(state=new, timers=self._timers(new))

    def _timers(self, state: Feedback) -> tuple[Timer, ...]:
        return tuple(Timer(each.kind, each.due_at, each.generation) for each in timings(state, self._policy))


def _is_known(state: Feedback | None, data: TicketEvent) -> bool:
    """Whether an event of the ticket is a copy of one that counted already."""
    return state is not None and data.sequence <= state.sequence


def _grounds(context: Context) -> dict[str, Any]:
    """When and on which input an event was decided; all else that it goes by is in state and input."""
    return {"decided_at": context.now, "position": context.position}


def _refuse(state: Feedback | None, event: Event, context: Context, reason: str) -> Decision[Feedback]:
    answer: SurveyAnswered = event.data
    asked = state.survey if state is not None else None
    if asked is not None and asked.survey_id == answer.survey_id:
        cycle = asked.cycle
    else:
        cycle = state.cycle if state is not None else review.FIRST_CYCLE
    refused = AnswerRefused.new(
        ticket_id=event.key, cycle=cycle, survey_id=answer.survey_id, reason=reason, **_grounds(context)
    )
    emit = Emit(TICKET_FEEDBACK, event.key, refused, id=f"{event.id}:refused", subject=event.key)
    return Decision(emits=[emit], effects=[SurveyMoved(REFUSED)])


def _review(state: Feedback, asked: Survey, answer: SurveyAnswered, context: Context) -> Emit:
    requested = ReviewRequested.new(
        ticket_id=context.key,
        cycle=asked.cycle,
        survey_id=asked.survey_id,
        reason=f"low rating: {rating.in_words(answer.csat, answer.nps)}",
        reopen=review.should_reopen(asked.cycle, state.cycle, ticket_open=state.ticket_open),
        **_grounds(context),
    )
    return _emit(state, context.key, requested, f"{asked.survey_id}:review")


def _emit(state: Feedback, ticket_id: str, data: Contract, event_id: str) -> Emit:
    return Emit(TICKET_FEEDBACK, ticket_id, data, id=event_id, subject=ticket_id, tenant=state.tenant)
