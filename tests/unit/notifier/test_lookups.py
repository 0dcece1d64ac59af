from __future__ import annotations

from typing import Any

import pytest

from schemas import envelope
from schemas.directory import TemplateDefined
from schemas.topics import DIRECTORY
from schemas.vocabulary import Language
from services._runtime.directory.directory import Directory
from services.notifier.adapters.lookups import lookups_in
from tests.topology.notifying import POOL, pool, technician
from tests.unit.notifier.attempts import NOW


class Filled:
    """A directory that the test writes."""

    def __init__(self) -> None:
        self.directory = Directory()
        self.lookups = lookups_in(self.directory)

    def put(self, kind: str, key: str, data: Any) -> None:
        value = envelope.encode(
            type_name=envelope.type_name_of(data),
            event_id=key,
            source="/test",
            time=NOW,
            subject=key,
            tenant="acme",
            data=data,
        )
        self.directory.apply(DIRECTORY[kind].name, key, value)

    def put_template(self, template_id: str, **changes: Any) -> None:
        stated: dict[str, Any] = {"node": "opened", "language": Language.EN, "subject": "s", "body": "b"}
        data = TemplateDefined.new(template_id=template_id, **{**stated, **changes})
        self.put("templates", template_id, data)


def test_people_and_pools_are_found_as_the_directory_has_them_now() -> None:
    filled = Filled()
    assert (filled.lookups.technician("li"), filled.lookups.pool(POOL)) == (None, None)
    filled.put("technicians", "li", technician())
    filled.put("pools", POOL, pool())
    assert (filled.lookups.technician("li"), filled.lookups.pool(POOL)) == (technician(), pool())


def test_the_version_is_how_many_records_of_all_kinds_have_been_read() -> None:
    filled = Filled()
    assert filled.lookups.version() == 0
    filled.put("technicians", "li", technician())
    filled.directory.passed(DIRECTORY["technicians"].name, 0)
    filled.put("pools", POOL, pool())
    filled.directory.passed(DIRECTORY["pools"].name, 4)
    assert filled.lookups.version() == 6


def test_a_template_that_can_be_used_is_found() -> None:
    filled = Filled()
    filled.put_template("opened.customer.en", body="Hi {{ recipient_name }}")
    found = filled.lookups.template("opened.customer.en")
    assert found is not None
    assert found.body == "Hi {{ recipient_name }}"


@pytest.mark.parametrize(
    "changes",
    [{"body": "{{ nope }}"}, {"subject": "{% for x in y %}"}, {"node": "closed"}, {"language": Language.ZH_CN}],
)
def test_a_template_that_cannot_be_used_is_not_found_until_it_is_mended(changes: dict[str, Any]) -> None:
    filled = Filled()
    filled.put_template("opened.customer.en", **changes)
    assert filled.lookups.template("opened.customer.en") is None
    assert filled.lookups.template("opened.customer.en") is None
    filled.put_template("opened.customer.en")
    assert filled.lookups.template("opened.customer.en") is not None
