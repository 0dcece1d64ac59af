"""Who gets which work, as pure functions over values and two sorted structures.

Reading order: `policy` (the rules as data), `work` (the words), `tally`, `shifts` and `standing` (who takes work at a
moment), `filters` (who can't), `weights` (who should rather), `scale` (how work of one weight sees people), `group` and
`roster` (technicians in groups of equals), `able` (the groups for one kind of work, the best in front), `queue`
(waiting work in order), `assignment` (the decision), `explaining` (the same the plain way, with every candidate).
"""
