"""A request goes in by a channel and comes out closed, told and rated, through the real stack."""

import asyncio
from pathlib import Path

import pytest
from rich.console import Console

from deploy.local.demo.live import View
from deploy.local.demo.scale import SMALL
from deploy.local.demo.scenario import play
from tests.e2e.bed import hurried_directory, running_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def test_every_request_becomes_one_ticket_and_every_ticket_is_brought_to_its_end(tmp_path: Path) -> None:
    directory = hurried_directory(tmp_path)
    with (
        running_stack("loop", settings={"AFTERCARE_CLOSE_AFTER_SECONDS": "3"}, directory=directory) as bed,
        View(Console(), bed.accounts.claims, bed.accounts.books) as view,
    ):
        report = asyncio.run(play(bed.stack, SMALL, bed.accounts, view, bed.reader))
    numbers = report.numbers
    assert report.findings == ()
    assert report.wanting == ()
    assert numbers["settled"]
    assert numbers["tickets_opened"] == SMALL.tickets + SMALL.mails
    assert numbers["tickets_closed"] == numbers["tickets_opened"] - SMALL.cancelled - SMALL.merged
    assert (numbers["unaccounted"], numbers["duplicate_event_ids"], numbers["dead_letters"]) == (0, 0, 0)
    assert set(numbers["by_channel"]) == {"portal", "app", "phone", "chat", "wechat", "relay", "email"}
    assert numbers["breaches"] >= 1
    assert numbers["escalations"] >= 1
    assert numbers["ratings"] >= 1
    assert numbers["mails_in_mailboxes"] == numbers["notifications_sent"] > numbers["tickets_opened"]
    assert numbers["client_troubles"] == []
    assert 0 < numbers["accepted_to_assigned_ms"]["p50"] <= numbers["accepted_to_assigned_ms"]["p99"]
