"""`audit`: who did what through an API. Key: actor. Writer: every API."""

from __future__ import annotations

from schemas.contract import Contract
from schemas.parts import Actor
from schemas.vocabulary import Line, Name


class ActionAudited(Contract, type_name="aftercare.audit.action.v1"):
    """One accepted or refused call: who, what, on which entity, with which outcome."""

    actor: Actor
    action: Name
    entity: Line
    outcome: Name
