"""What a running stack shows: its processes' own metrics, Prometheus over them, and alerts as a webhook gets them."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.local import ports
from deploy.local.services import Service
from deploy.local.waiting import until

ASK_SECONDS = 20.0
STEP_SECONDS = "4"


@dataclass
class Alarms:
    """Alerts that a webhook was told, the latest last, each as Alertmanager describes it."""

    url: str
    alerts: list[dict[str, Any]] = field(default_factory=list)

    def named(self, alert: str) -> list[dict[str, Any]]:
        """Those of one name."""
        return [each for each in tuple(self.alerts) if each["labels"]["alertname"] == alert]

    def wait_for(self, alert: str, seconds: float) -> dict[str, Any]:
        """The first of this name; raises `StackError` when none comes in time."""
        until(lambda: bool(self.named(alert)), seconds, f"the alert {alert}")
        return self.named(alert)[0]


@contextmanager
def webhook() -> Iterator[Alarms]:
    """Somebody who is told of alerts, on a free port."""
    port = ports.free_port()
    alarms = Alarms(f"http://{ports.HOST}:{port}/")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["content-length"])))
            alarms.alerts.extend(told["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((ports.HOST, port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield alarms
    finally:
        server.shutdown()
        server.server_close()
        thread.join(ASK_SECONDS)


class Prometheus:
    """Questions to a Prometheus."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=ASK_SECONDS)

    def value(self, expr: str) -> float:
        """The one value of an expression now, NaN where it has none."""
        found = self._ask("query", query=expr)["result"]
        assert len(found) <= 1, f"{expr}: {len(found)} series"
        return float(found[0]["value"][1]) if found else math.nan

    def ranges(self, expr: str, seconds: float) -> list[list[float]]:
        """The values of each series of an expression over the last `seconds`, every few of them; no NaN."""
        now = self.value("vector(time())")
        found = self._ask("query_range", query=expr, start=str(now - seconds), end=str(now), step=STEP_SECONDS)[
            "result"
        ]
        values = [[float(value) for _, value in series["values"]] for series in found]
        return [numbers for each in values if (numbers := [value for value in each if not math.isnan(value)])]

    def series(self, match: str) -> list[dict[str, str]]:
        """The labels of all series that match."""
        found: list[dict[str, str]] = self._ask("series", **{"match[]": match})
        return found

    def rule_errors(self) -> list[str]:
        """What Prometheus says of rules that it could not evaluate."""
        groups = self._ask("rules")["groups"]
        return [
            f"{rule['name']}: {rule['lastError']}" for group in groups for rule in group["rules"] if "lastError" in rule
        ]

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _ask(self, what: str, **parameters: str) -> Any:
        answer = self._http.get(f"/{what}", params=parameters)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()["data"]


def metrics_of(service: Service) -> str:
    """The text of a process's `/metrics`."""
    return httpx.get(f"{service.url}/metrics", timeout=ASK_SECONDS).text


def tickets_shown(service: Service) -> dict[str, int]:
    """How many tickets an intake shows in each status."""
    shown: dict[str, int] = {}
    for family in text_string_to_metric_families(metrics_of(service)):
        if family.name == "aftercare_tickets":
            for sample in family.samples:
                status = sample.labels["status"]
                shown[status] = shown.get(status, 0) + int(sample.value)
    return shown
