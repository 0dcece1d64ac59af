"""Who should rather take a piece of work. One rule a file; each gives 0 to 1, none drops.

`weights.total` multiplies each with its factor (the policy of the pool) and adds them up.
"""

from typing import Final

LOAD: Final = "load"
SKILL_MATCH: Final = "skill_match"
FAIRNESS: Final = "fairness"
IDLE: Final = "idle"
CONTINUITY: Final = "continuity"
RELATED: Final = "related"

NAMES: Final = (LOAD, SKILL_MATCH, FAIRNESS, IDLE, CONTINUITY, RELATED)
