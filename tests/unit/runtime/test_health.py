"""Live and ready, from the parts."""

from dataclasses import dataclass

from services._runtime.hosting.health import Health


@dataclass
class FixedPart:
    name: str
    live: bool = True
    ready: bool = True
    status: str = "as told"


def test_a_process_is_ready_when_every_needed_part_is() -> None:
    assert Health([FixedPart("a"), FixedPart("b")]).ready
    assert not Health([FixedPart("a"), FixedPart("b", ready=False)]).ready


def test_a_process_is_ready_without_a_part_that_is_only_shown() -> None:
    health = Health([FixedPart("ledger")], shown=[FixedPart("mail_poller", ready=False)])
    assert health.ready
    assert health.report()["parts"]["mail_poller"]["ready"] is False


def test_one_stuck_part_makes_the_process_not_live_even_if_only_shown() -> None:
    assert not Health([FixedPart("ledger")], shown=[FixedPart("mail_poller", live=False)]).live


def test_a_part_that_is_not_ready_does_not_make_the_process_dead() -> None:
    assert Health([FixedPart("ledger", ready=False)]).live


def test_a_stopping_process_is_live_but_takes_no_more_work() -> None:
    health = Health([FixedPart("ledger")])
    health.stopping = True
    assert (health.live, health.ready) == (True, False)


def test_the_report_says_how_each_part_is() -> None:
    report = Health([FixedPart("ledger", ready=False, status="restoring")]).report()
    assert report["parts"] == {"ledger": {"live": True, "ready": False, "status": "restoring"}}
