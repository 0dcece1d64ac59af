"""What the messages of the load may say. Known to the topology under fault and to those who check on it."""

from typing import Final

BOOK_EVERY: Final = 5
"""Each message whose number this divides books a reminder."""
PLAIN: Final = "still broken"
ANSWERED: Final = "answered"
POISON: Final = "raise, please"
HUGE: Final = "write too much, please"
POISON_TIMER: Final = "raise when the timer fires, please"
