from __future__ import annotations

import msgspec
import pytest

from schemas.vocabulary import Medium
from services.notifier.domain.addresses import folded, mailbox
from services.notifier.domain.deliveries import Identity, delivery_id_of
from services.notifier.domain.nodes import Node

IDENTITY = Identity("T-1", Node.REPLIED, 1, "7", "requester:r-1", Medium.EMAIL)


def test_the_same_message_has_the_same_delivery_id() -> None:
    assert delivery_id_of(IDENTITY) == delivery_id_of(msgspec.structs.replace(IDENTITY))


@pytest.mark.parametrize(
    "changes",
    [
        {"ticket_id": "T-2"},
        {"node": Node.RESOLVED},
        {"cycle": 2},
        {"occurrence": "8"},
        {"recipient": "technician:r-1"},
        {"medium": Medium.IN_APP},
    ],
)
def test_each_part_of_the_identity_makes_another_delivery(changes: dict[str, object]) -> None:
    assert delivery_id_of(msgspec.structs.replace(IDENTITY, **changes)) != delivery_id_of(IDENTITY)


def test_parts_do_not_run_into_each_other() -> None:
    one = msgspec.structs.replace(IDENTITY, cycle=1, occurrence="11")
    other = msgspec.structs.replace(IDENTITY, cycle=11, occurrence="1")
    assert delivery_id_of(one) != delivery_id_of(other)


def test_a_delivery_id_of_the_longest_ticket_id_fits_its_contract() -> None:
    longest = max(Node, key=len)
    assert len(delivery_id_of(msgspec.structs.replace(IDENTITY, ticket_id="T" * 64, node=longest))) <= 128


@pytest.mark.parametrize("address", ["a@b.example", " A.b+c@d-e.example ", "o'neil@b.co", "a@localhost"])
def test_addresses_that_mail_can_be_sent_to(address: str) -> None:
    assert mailbox(address) == address.strip()


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "a",
        "@b.example",
        "a@",
        "a@b..example",
        "a b@c.example",
        "a@b.example,c@d.example",
        "a@b.example\nBcc: c@d.example",
        "<a@b.example>",
        "王@b.example",
        f"{'a' * 65}@b.example",
        f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}.example",
    ],
)
def test_addresses_that_mail_can_not_be_sent_to(address: str | None) -> None:
    assert mailbox(address) is None


def test_upper_and_lower_case_is_one_mailbox() -> None:
    assert folded(" Li@Desk.example") == folded("li@desk.EXAMPLE")
