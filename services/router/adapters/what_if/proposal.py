"""Other people, or other rules, in the place of those that were: the history of the other side."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import yaml
from pydantic import ValidationError

from schemas.directory import TechnicianDefined
from schemas.routing_policy import RoutingPolicy
from schemas.routing_work import PresenceChanged, RoutingPolicyStated
from services._runtime.directory.file import read_directory_file, rostered_as
from services.router.adapters.what_if.history import History, Timed

TENANT: Final = "what-if"


class InvalidProposal(ValueError):  # noqa: N818 - says what the proposal is
    """A proposal that can't be used; the message says why."""


class Proposal(NamedTuple):
    """`technicians` replace the rosters of the pools that they are in; `policy` is for every pool that is looked at."""

    technicians: tuple[TechnicianDefined, ...] | None
    policy: RoutingPolicy | None

    @property
    def title(self) -> str:
        """What it changes, for headings."""
        parts = []
        if self.technicians is not None:
            parts.append(f"roster of {len(self.technicians)}")
        if self.policy is not None:
            parts.append(f"policy v{self.policy.version}")
        return ", ".join(parts)


def read_proposal(roster: Path | None, policy: Path | None) -> Proposal:
    """Read the files.

    Args:
        roster: as for `services directory load`; of it the technicians count.
        policy: a pool's routing policy as YAML, as `PUT /v1/pools/{pool}/routing` takes it.

    Raises:
        InvalidProposal: neither is given, or one says nothing usable.
        DirectoryFileError, OSError: see `read_directory_file`.
    """
    if roster is None and policy is None:
        raise InvalidProposal("give --roster, --policy, or both: there is nothing to compare")
    technicians = None
    if roster is not None:
        entities = read_directory_file(roster).entities
        technicians = tuple(each for each in entities if isinstance(each, TechnicianDefined))
        if not technicians:
            raise InvalidProposal(f"{roster.name}: no technicians")
    return Proposal(technicians, None if policy is None else _policy_in(policy))


def proposed(history: History, proposal: Proposal, pools: Iterable[str]) -> list[Timed]:
    """People and rules as they would have been.

    Whoever is in both rosters was there when they were there; whoever is new was available throughout, as far as their
    shift says.
    """
    people = list(history.people)
    if proposal.technicians is not None:
        people = _with_roster(people, proposal.technicians, history)
    if proposal.policy is not None:
        stated = [RoutingPolicyStated.new(pool=pool, policy=proposal.policy) for pool in sorted(pools)]
        people = [each for each in people if not isinstance(each.data, RoutingPolicyStated)]
        people = [*(Timed(history.since, TENANT, each) for each in stated), *people]
    return people


def _with_roster(people: list[Timed], technicians: tuple[TechnicianDefined, ...], history: History) -> list[Timed]:
    pools = {each.pool for each in technicians}
    names = {(each.pool, each.technician_id) for each in technicians}
    kept = [
        each
        for each in people
        if each.data.pool not in pools
        or isinstance(each.data, RoutingPolicyStated)
        or (isinstance(each.data, PresenceChanged) and (each.data.pool, each.data.technician_id) in names)
    ]
    rosters = [Timed(history.since, TENANT, rostered_as(each, active=each.active)) for each in technicians]
    return [*rosters, *kept]


def _policy_in(path: Path) -> RoutingPolicy:
    try:
        data: Any = yaml.safe_load(path.read_text("utf-8"))
        if not isinstance(data, dict):
            raise InvalidProposal(f"{path.name}: expected the fields of a routing policy")
        return RoutingPolicy.closed_validate({"version": 1, **data}).to_struct()
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError, msgspec.MsgspecError, TypeError) as error:
        raise InvalidProposal(f"{path.name}: {error}") from error
