"""Ids made from what they identify."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import digest_id, event_id, find_ticket_id, ticket_id

MAIL = ("acme", "email", "<a@b.example>")


def test_the_same_request_is_the_same_ticket() -> None:
    assert ticket_id(*MAIL) == ticket_id(*MAIL)


def test_an_id_stays_what_it_was_in_the_first_release() -> None:
    assert ticket_id(*MAIL) == "T-FNTP-WFTA-FPDC-21W7"


def test_an_id_has_eighty_bits_in_groups_that_can_be_read_aloud() -> None:
    assert re.fullmatch(r"T(-[0-9A-HJKMNP-TV-Z]{4}){4}", ticket_id(*MAIL))


def test_tenant_channel_and_case_of_the_external_id_tell_tickets_apart() -> None:
    ids = {
        ticket_id(*MAIL),
        ticket_id("other", "email", "<a@b.example>"),
        ticket_id("acme", "api", "<a@b.example>"),
        ticket_id("acme", "email", "<A@b.example>"),
    }
    assert len(ids) == 4


@given(st.lists(st.text(max_size=4), max_size=3), st.lists(st.text(max_size=4), max_size=3))
def test_boundaries_between_the_parts_count(one: list[str], other: list[str]) -> None:
    assert (digest_id("X", *one) == digest_id("X", *other)) == (one == other)


def test_kinds_never_share_an_id() -> None:
    assert digest_id("D", "a")[1:] != digest_id("S", "a")[1:]


def test_ids_of_many_requests_differ() -> None:
    assert len({ticket_id("acme", "api", str(number)) for number in range(10_000)}) == 10_000


@pytest.mark.parametrize("dressed", ["Re: [{}] printer", "{}", "({})", "fw:{},", "工单{}已受理"])
def test_an_id_is_found_in_what_a_person_wrote(dressed: str) -> None:
    assert find_ticket_id(dressed.format(ticket_id(*MAIL))) == ticket_id(*MAIL)


def test_an_id_typed_in_small_letters_and_with_misread_ones_is_the_same() -> None:
    ticket = next(made for number in range(1000) if {"0", "1"} <= set(made := ticket_id("acme", "api", str(number))))
    assert find_ticket_id(ticket.lower().replace("0", "o").replace("1", "l")) == ticket


@pytest.mark.parametrize(
    "text", ["", "T-1234", "T-UUUU-UUUU-UUUU-UUUU", "XT-0000-0000-0000-0000", "T-0000-0000-0000-00000"]
)
def test_what_only_looks_like_an_id_is_none(text: str) -> None:
    assert find_ticket_id(text) is None


def test_an_event_is_named_by_its_ticket_and_sequence() -> None:
    assert event_id("T-1", 12) == "T-1:12"
