"""Which customer an address belongs to, and what of its profile holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from schemas import envelope
from schemas.directory import CustomerDefined
from schemas.parts import Requester
from schemas.vocabulary import Language, Tier
from services._runtime.directory.directory import Directory
from services.intake.adapters.profiles import Profiles
from services.intake.domain.arrival import with_profile


def put(directory: Directory, offset: int, customer_id: str, **fields: object) -> None:
    data = CustomerDefined.closed_validate({"customer_id": customer_id, "company": customer_id, **fields})
    value = envelope.encode(
        type_name=data.type_name,
        event_id=f"d-{offset}",
        source="/test",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        subject=customer_id,
        tenant="t",
        data=data,
    )
    directory.apply("directory.customers", customer_id, value)
    directory.passed("directory.customers", offset)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("li@acme.example", "acme"),
        ("li@MAIL.Acme.example", "acme"),
        ("li@notacme.example", None),
        ("li@example", None),
        ("li", None),
        (None, None),
    ],
)
def test_an_address_belongs_to_whoever_has_its_domain_or_a_parent_of_it(
    address: str | None, expected: str | None
) -> None:
    directory = Directory()
    put(directory, 0, "acme", email_domains=["Acme.Example"])
    customer = Profiles(directory).customer_of(address)
    assert (customer.customer_id if customer else None) == expected


def test_a_customer_that_comes_later_is_found_too() -> None:
    directory = Directory()
    profiles = Profiles(directory)
    assert profiles.customer_of("li@acme.example") is None
    put(directory, 0, "acme", email_domains=["acme.example"])
    assert profiles.customer_of("li@acme.example") is not None


def test_the_directory_gives_company_tier_and_language_unless_the_person_asks_for_another() -> None:
    acme = CustomerDefined.new(customer_id="acme", company="Acme", tier=Tier.VIP, language=Language.EN)
    person = Requester.new(requester_id="r-1")
    assert with_profile(person, acme, language=None) == Requester.new(
        requester_id="r-1", company="Acme", tier=Tier.VIP, language=Language.EN
    )
    assert with_profile(person, acme, language=Language.ZH_CN).language is Language.ZH_CN
    assert with_profile(person, None, language=Language.EN).language is Language.EN


def test_a_vip_of_a_standard_company_stays_one() -> None:
    plain = CustomerDefined.new(customer_id="c", company="C")
    assert with_profile(Requester.new(requester_id="r", tier=Tier.VIP), plain, language=None).tier is Tier.VIP
