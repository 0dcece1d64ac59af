"""Past work against another roster or other rules: what it would have waited, who would have carried it.

`history` reads what work there was and who was there, `proposal` puts other people or rules there, `simulation` has the
router's own topology assign it in simulated time, `report` adds both sides up, `terminal` and `page` show it. Reads
only; nothing live is written.
"""
