"""Who gets which work, as pure functions over values and two sorted structures.

Reading order: `work` (the words), `filters` (who can't), `weights` (who should rather), `roster` (technicians in
groups of equals), `queue` (waiting work in order), `assignment` (the decision).
"""
