"""Intake's two topologies: `normaliser` (requests to commands) and `ledger` (commands to the life of a ticket)."""

from services.intake.handlers.ledger import ledger_topology
from services.intake.handlers.normaliser import normaliser_topology
from services.intake.handlers.tally import count_effects

__all__ = ["count_effects", "ledger_topology", "normaliser_topology"]
