"""Prefers who got less over the day, so that whoever solves fast is not punished with all the work."""


def weigh(assigned_weight: int) -> float:
    """1 for who got nothing today, less with every weight assigned."""
    return 1.0 / (1 + assigned_weight)
