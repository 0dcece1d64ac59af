"""The clocks as Redis shows them: the processors' own committed state, ticket by ticket, and the board's lanes.

Reading order: `keys`, `projecting` (a record of the changelog into a change), `apply.lua` (what a change does),
`queries` (the way out). Any instance answers for any ticket, whoever owns its partition; it can be lost at any time
and is read again from the changelog, which is compacted to the tickets that there are.
"""
