"""Who can't take a piece of work. One rule a file; each drops, none ranks.

They apply in this order, and a technician counts for the first rule that drops them: `skill`, `level`, `language`
(what someone is able to do), `presence`, `capacity` (what they can take now), `declined`.
"""

from typing import Final

SKILL: Final = "skill"
LEVEL: Final = "level"
LANGUAGE: Final = "language"
PRESENCE: Final = "presence"
CAPACITY: Final = "capacity"
DECLINED: Final = "declined"

NAMES: Final = (SKILL, LEVEL, LANGUAGE, PRESENCE, CAPACITY, DECLINED)
