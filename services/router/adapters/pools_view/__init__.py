"""The router's committed state in Redis, followed from its changelog (docs/adr/0010 says why that way).

`projecting` makes changes of the changelog's records, `apply.lua` applies them, `queries` answers; `keys` names the
places. A pool's people are the pool's, its tickets their tenants': what one tenant sees never names another's ticket.
"""
