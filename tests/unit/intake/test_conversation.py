"""Which ticket a message belongs to, and what is remembered of a conversation."""

from __future__ import annotations

from schemas.vocabulary import Channel
from services.intake.domain.conversation import (
    MESSAGES_REMEMBERED,
    Conversation,
    forgotten_at,
    mark_of,
    store_key,
    text_of,
    ticket_of,
    with_message,
)
from services.intake.domain.rules import Threading
from tests.unit.intake import values as v
from tests.unit.intake.values import ID, OTHER_ID, T0, later, request

THREADING = Threading(remember_seconds=1_000, open_seconds={Channel.EMAIL: 100})
OPEN = Conversation(ID, T0)


def test_what_the_gateway_knows_comes_before_the_open_conversation() -> None:
    assert ticket_of(request(known_ticket_id=OTHER_ID), T0, OPEN, THREADING) == OTHER_ID
    assert ticket_of(request(), T0, OPEN, THREADING) == ID


def test_a_conversation_means_its_ticket_until_its_window_has_passed() -> None:
    assert ticket_of(request(), later(100), OPEN, THREADING) == ID
    assert ticket_of(request(), later(100.001), OPEN, THREADING) is None
    assert ticket_of(request(), later(-5), OPEN, THREADING) == ID


def test_a_message_without_conversation_or_on_a_channel_without_threads_stands_alone() -> None:
    assert ticket_of(request(), T0, None, THREADING) is None
    assert ticket_of(request(channel=Channel.PHONE), T0, OPEN, THREADING) is None


def test_a_message_that_comes_late_does_not_turn_a_conversation_back() -> None:
    assert with_message(Conversation(ID, later(50)), ID, T0, 1).last_at == later(50)


def test_the_memory_of_messages_is_bounded_and_keeps_the_latest() -> None:
    conversation = None
    for mark in range(MESSAGES_REMEMBERED + 9):
        conversation = with_message(conversation, ID, T0, mark)
    assert conversation is not None
    assert conversation.seen == tuple(range(9, MESSAGES_REMEMBERED + 9))


def test_messages_are_told_apart_by_channel_and_id() -> None:
    marks = {
        mark_of(request(external_id, channel=channel))
        for external_id in ("1", "2")
        for channel in (Channel.EMAIL, Channel.CHAT)
    }
    assert len(marks) == 4


def test_tenants_never_share_a_conversation() -> None:
    keys = {store_key("a", "b/c"), store_key("a/b", "c"), store_key("a%2Fb", "c"), store_key("b", "c")}
    assert len(keys) == 4


def test_a_conversation_is_kept_while_a_retry_may_come_or_a_message_may_join_it() -> None:
    assert forgotten_at(OPEN, Channel.EMAIL, T0, THREADING) == later(1_000)
    assert forgotten_at(Conversation(ID, later(5_000)), Channel.EMAIL, T0, THREADING) == later(5_100)
    assert forgotten_at(Conversation(ID, later(5_000)), Channel.PHONE, T0, THREADING) == later(5_000)


def test_a_further_message_loses_nothing_that_it_fills_in() -> None:
    filled = request(body="Here you are", steps_to_reproduce="1. scan", screenshot_url="https://x.example/s.png")
    assert text_of(filled) == "Here you are\n\n1. scan\n\nhttps://x.example/s.png"
    assert text_of(v.request(body="Hello")) == "Hello"
    assert len(text_of(request(body="x" * 100_000, steps_to_reproduce="y" * 100_000))) == 100_000
