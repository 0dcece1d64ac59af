"""What of an offer the decision looks at, field by field: one that is forgotten would be a rule that never applies."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from schemas.routing_work import MissedAccept, OfferMade
from schemas.vocabulary import Language, Level, Tier
from services.router.domain.policy import Policy
from services.router.domain.work import Missed, Work
from services.router.handlers.topology import work_of
from tests.unit.router.words import NOON

SINCE: Final = NOON - timedelta(minutes=1)
OFFER: Final = OfferMade.new(
    ticket_id="T-1",
    generation=7,
    pool="north",
    priority="P1",
    skills=["net", "db", "net"],
    level=Level.L2,
    language=Language.ZH_CN,
    product="scanhub",
    tier=Tier.VIP,
    weight=3,
    queued_at=NOON - timedelta(hours=2),
    due_at=NOON + timedelta(hours=1),
    declined_by=["wu", "li", "wu"],
    missed=[
        MissedAccept.new(technician_id="zhao", missed_at=NOON - timedelta(minutes=5)),
        MissedAccept.new(technician_id="chen", missed_at=NOON - timedelta(hours=1)),
        MissedAccept.new(technician_id="li", missed_at=NOON - timedelta(minutes=5)),
    ],
    last_technician_id="an",
    wanted_technician_id="bo",
    requester_id="c-1",
)
WORK: Final = Work(
    ticket_id="T-1",
    generation=7,
    priority="P1",
    skills=("db", "net"),
    level=Level.L2,
    language=Language.ZH_CN,
    weight=3,
    queued_at=NOON - timedelta(hours=2),
    waiting_since=SINCE,
    due_at=NOON + timedelta(hours=1),
    declined_by=("li", "wu", "zhao"),
    last_technician_id="an",
    wanted_technician_id="bo",
    product="scanhub",
    tier=Tier.VIP,
    requester_id="c-1",
    related_technician_id="friend",
    missed=(Missed("chen", NOON - timedelta(hours=1)), Missed("zhao", NOON - timedelta(minutes=5))),
)


def test_every_field_of_an_offer_is_in_the_work_but_for_its_pool() -> None:
    found = work_of(OFFER, SINCE, Policy(missed_rests_seconds=600), NOON, "friend")
    for field in Work.__struct_fields__:
        assert getattr(found, field) == getattr(WORK, field), field
    offered = {field for field in OfferMade.model_fields if field != "pool"}
    assert {*Work.__struct_fields__} - offered == {"waiting_since", "related_technician_id"}
    assert offered <= {*Work.__struct_fields__}


def test_no_field_of_the_offer_or_the_work_has_the_value_that_it_has_when_nothing_is_said() -> None:
    """Else the test above could pass over a field that is left out."""
    plain = OfferMade.new(
        ticket_id="T-1",
        generation=1,
        pool="p",
        priority="P2",
        skills=[],
        level=Level.L1,
        language=Language.EN,
        tier=Tier.STANDARD,
        queued_at=NOON,
    )
    nothing = work_of(plain, NOON, Policy(), NOON, None)
    same = {field for field in Work.__struct_fields__ if getattr(nothing, field) == getattr(WORK, field)}
    assert same == {"ticket_id"}
