"""For which tickets something holds: what is known of a ticket against lists of allowed values."""

from __future__ import annotations

from typing import Final

import msgspec

from services.sla_monitor.domain.forms import Place, mapping, names


class Profile(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of a ticket that policies ask for. An empty text is unknown and matches no condition."""

    tier: str = ""
    channel: str = ""
    product: str = ""
    contract: str = ""
    customer: str = ""
    pool: str = ""
    priority: str = ""


NOBODY: Final = Profile()
CONDITION_FIELDS: Final = Profile.__struct_fields__


class Conditions(msgspec.Struct, frozen=True):
    """All of these fields must have one of the values named; without any it holds for every ticket."""

    wanted: tuple[tuple[str, frozenset[str]], ...] = ()

    def hold_for(self, profile: Profile) -> bool:
        """Whether the ticket is one of those meant."""
        return all(getattr(profile, field) in values for field, values in self.wanted)


FOR_ALL: Final = Conditions()


def parse_conditions(data: object, place: Place) -> Conditions:
    """Conditions from `{tier: vip, pool: [north, south]}`; None is none.

    Raises:
        InvalidPolicy: an unknown field, or values that are no names.
    """
    if data is None:
        return FOR_ALL
    wanted = []
    for field, values in mapping(data, place).items():
        if field not in CONDITION_FIELDS:
            known = ", ".join(CONDITION_FIELDS)
            raise place.of(field, place.words).refusal(f"unknown condition {field!r}; there are {known}")
        allowed = names(values, place.of(field))
        if not allowed:
            raise place.of(field).refusal("an empty list holds for no ticket")
        wanted.append((field, frozenset(allowed)))
    return Conditions(tuple(wanted))
