"""What intake decides, as pure functions: no clock, no I/O, no chance.

Reading order: of the ledger `ticket`, `story`, `lifecycle`, `commands`, `answers`, `timeouts`; of the normaliser
`rules`, `classification`, `redaction`, `conversation`; of the read model `views`, `projection`, `threads`.
"""
