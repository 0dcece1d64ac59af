"""The HTTP edge of intake: requests in, commands in, tickets and progress out.

Reading order: `ports` (what it needs from inside), `access` (who may), `closed_json` (how bodies are read),
`idempotency`, then one module a part: `requests`, `commands` (with `audited`), `queries`, `progress`.
"""
