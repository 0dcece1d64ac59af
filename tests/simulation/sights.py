"""What a world must have seen for its peace to prove anything: a fault that never came about shows nothing.

Faults are counted where they strike (`faults.Kind`); these are their consequences, and what people and time do.
"""

from __future__ import annotations

from enum import Enum


class Sight(Enum):
    """Something that has to come about now and then. The values are what the report calls them."""

    KILLED_BEFORE_BEGIN = "killed before a transaction was begun"
    KILLED_BEFORE_OUTPUT = "killed before a record was handed over"
    KILLED_BEFORE_OFFSETS = "killed before the offsets were sent"
    KILLED_AFTER_OFFSETS = "killed after the offsets were sent"
    KILLED_BEFORE_COMMIT = "killed before the commit"
    KILLED_AFTER_COMMIT = "killed after the commit"
    KILLED_BEFORE_EFFECTS = "killed before effects were handed over"
    KILLED_RESTORING = "killed while a state was restored"
    EXPELLED = "woken after the group had gone on without it"
    REFUSED = "commit refused, for the group had gone on"
    FENCED = "writer fenced by a later one"
    TIMED_OUT = "transaction ended by the brokers' time-out"
    UNSTABLE = "offsets waited for, under an open transaction"
    ABORTED_READ = "aborted record passed over by a reader"
    DECIDED_AGAIN = "record decided again, its batch was lost"
    OTHER_ORDER = "partitions read in another order than written"
    TAIL_ONLY = "state kept, only its tail read"
    HELD_BACK = "due timer held back until its partition has read on"
    FIRED_LATE = "timer fired more than a minute late"
    REPEATED = "event written twice"
    ASKED_AGAIN = "request made again by its customer"
    WRITTEN_LATE = "command written later than it came"
    MAIL_LOST = "mail handed over, no result came"
    UNDECODABLE = "dead letter: undecodable"
    UNDECIDABLE = "dead letter: undecidable"
    TOO_LARGE = "dead letter: output_too_large"
    RAISED = "dead letter: timer_raised"
    PARKED = "dead letter: parked"
    BREACHED = "target breached"
    RETRACTED = "breach retracted by a late event"


KILLED_AT = {
    "begin": Sight.KILLED_BEFORE_BEGIN,
    "produce": Sight.KILLED_BEFORE_OUTPUT,
    "send_offsets": Sight.KILLED_BEFORE_OFFSETS,
    "offsets sent": Sight.KILLED_AFTER_OFFSETS,
    "commit": Sight.KILLED_BEFORE_COMMIT,
    "committed": Sight.KILLED_AFTER_COMMIT,
    "effects": Sight.KILLED_BEFORE_EFFECTS,
}
"""What it is called by the point at which a process was killed."""
