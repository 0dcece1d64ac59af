"""Every contract of the product, by type name, with the topics it travels on. Built from `schemas.topics`."""

from __future__ import annotations

from typing import Final

from schemas.contract import Contract, all_contracts
from schemas.topics import TOPICS, Topic

CATALOG: Final[dict[str, type[Contract]]] = {
    contract.type_name: contract for topic in TOPICS for contract in topic.types
}
"""Contracts by type name, in the order of the topics."""


def topics_of(type_name: str) -> tuple[Topic, ...]:
    """The topics that carry a type; several only for dead letters."""
    return tuple(topic for topic in TOPICS if any(contract.type_name == type_name for contract in topic.types))


def strays() -> list[str]:
    """What the topics miss: contracts on no topic, and contracts without a type name that no other builds on."""
    ours = [contract for name, contract in all_contracts().items() if _is_ours(contract) and name not in CATALOG]
    nameless = [
        contract
        for contract in _descendants(Contract)
        if _is_ours(contract) and "type_name" not in vars(contract) and not contract.__subclasses__()
    ]
    return sorted(f"{contract.__module__}.{contract.__qualname__}" for contract in (*ours, *nameless))


def _is_ours(contract: type[Contract]) -> bool:
    return contract.__module__.partition(".")[0] == "schemas"


def _descendants(contract: type[Contract]) -> list[type[Contract]]:
    return [below for child in contract.__subclasses__() for below in (child, *_descendants(child))]
