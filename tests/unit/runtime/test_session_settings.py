"""What an operator may set about a topology."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from services._runtime.engine.topology import PARKED_KEYS_MAX
from services._runtime.processor.session import as_set
from services._runtime.settings import RuntimeSettings
from tests.topology.counting import Counting

TOPOLOGY = replace(Counting().topology(), state_version=2, downgrades={1: dict})


def settings(**stated: Any) -> RuntimeSettings:
    return RuntimeSettings.model_validate({"secret": "s" * 32, **stated})


def test_where_nothing_is_set_a_topology_stays_as_it_is() -> None:
    assert as_set(TOPOLOGY, settings()) is TOPOLOGY
    assert TOPOLOGY.parked_keys_max == PARKED_KEYS_MAX


def test_an_operator_may_raise_the_bound_of_parked_keys_to_redrive_them() -> None:
    assert as_set(TOPOLOGY, settings(parked_keys_max=5_000)) == replace(TOPOLOGY, parked_keys_max=5_000)


def test_an_operator_may_have_the_version_before_written() -> None:
    assert as_set(TOPOLOGY, settings(state_writes="previous")) == replace(TOPOLOGY, writes_version=1)


def test_no_parked_key_at_all_can_not_be_asked_for() -> None:
    with pytest.raises(ValidationError, match="parked_keys_max"):
        settings(parked_keys_max=0)
