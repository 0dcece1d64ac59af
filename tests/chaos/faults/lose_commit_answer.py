"""A commit is carried out, and its answer is lost."""

from __future__ import annotations

from typing import ClassVar

from tests.chaos.bed import Bed
from tests.chaos.fault import Fault

ANSWERS = 6
EACH_SECONDS = 0.7


class LoseCommitAnswer(Fault):
    """The proxy passes EndTxn on, throws the answer away, and breaks the connection; several times."""

    name = "lose_commit_answer"
    hold_seconds: ClassVar[float] = 1.0

    def inject(self, bed: Bed) -> None:
        before = bed.cluster.network.answers_lost
        for _ in range(ANSWERS):
            bed.cluster.network.lose_commit_answers(1)
            bed.hold(EACH_SECONDS)
        self._lost = bed.cluster.network.answers_lost - before

    def heal(self, bed: Bed) -> None:
        bed.cluster.network.lose_commit_answers(0)

    def check(self, bed: Bed) -> list[str]:
        del bed
        return [] if self._lost else ["no answer to a commit was lost: the fault was never met"]
