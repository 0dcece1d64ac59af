"""When to ask, which answers count, what a score means. Pure functions over values.

Reading order: `policy` (the numbers), `eligibility`, `survey`, `rating`, `review`.
"""
