"""Who can't take a piece of work. One rule a file; each drops, none ranks.

They apply in this order, and a technician counts for the first rule that drops them: `skill`, `level`, `language`,
`product`, `tier`, `team` (what someone is), `presence`, `shift`, `rate`, `capacity` (what they can take now), `owner`,
`conflict`, `declined` (this very ticket). A pool may do without those of `schemas.routing_policy.RoutingFilter`.
"""

from typing import Final

SKILL: Final = "skill"
LEVEL: Final = "level"
LANGUAGE: Final = "language"
PRODUCT: Final = "product"
TIER: Final = "tier"
TEAM: Final = "team"
PRESENCE: Final = "presence"
SHIFT: Final = "shift"
RATE: Final = "rate"
CAPACITY: Final = "capacity"
OWNER: Final = "owner"
CONFLICT: Final = "conflict"
DECLINED: Final = "declined"

OF_PROFILES: Final = (SKILL, LEVEL, LANGUAGE, PRODUCT, TIER, TEAM)
OF_STANDING: Final = (PRESENCE, SHIFT, RATE)
NAMES: Final = (*OF_PROFILES, *OF_STANDING, CAPACITY, OWNER, CONFLICT, DECLINED)
