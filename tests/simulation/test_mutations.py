"""Each of the ten rules broken on purpose: some check notices, and none complains while the rule holds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation import checks
from tests.simulation.mutations import MUTATIONS, Mutation, fence_no_dead_writer

RULES = range(1, 11)
DIRECT_CHECKS = sorted(
    {each.check for each in MUTATIONS} - {checks.some_seeds_break_no_promise}, key=lambda check: check.__name__
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: f"rule {each.rule}: {each.name}")
def test_a_broken_rule_is_noticed(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation.throw(monkeypatch)
    with pytest.raises(AssertionError):
        mutation.check()


@pytest.mark.parametrize("check", DIRECT_CHECKS, ids=lambda check: check.__name__)
def test_a_check_passes_while_the_rule_holds(check: Callable[[], None]) -> None:
    check()


def test_without_fencing_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    fence_no_dead_writer(monkeypatch)
    checks.some_seeds_break_no_promise()


def test_every_rule_is_broken_by_some_mutation() -> None:
    assert {each.rule for each in MUTATIONS} == set(RULES)
