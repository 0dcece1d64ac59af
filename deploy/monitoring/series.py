"""Asks a Prometheus what a panel asks, over a stretch of time."""

from __future__ import annotations

import http.client
import json
import math
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from deploy.monitoring.panels import Panel

_ASK_SECONDS: Final = 20.0
POINTS_MAX: Final = 240


class PrometheusError(Exception):
    """Prometheus did not answer, or refused a query."""


@dataclass(frozen=True)
class Stretch:
    """From when to when, as Unix times, with a value every `step_seconds`."""

    begins_at: float
    ends_at: float
    step_seconds: float

    @classmethod
    def until(cls, ends_at: float, seconds: float) -> Stretch:
        """The `seconds` before an instant, in steps that make a picture."""
        return cls(ends_at - seconds, ends_at, max(1.0, seconds / POINTS_MAX))


@dataclass(frozen=True)
class Series:
    """One line: its name, and (Unix time, value) in order; values that are no number are left out."""

    name: str
    points: tuple[tuple[float, float], ...]


class Prometheus:
    """A Prometheus at `url`. `rate_seconds` stands for `$__rate_interval`: four scrapes or more."""

    def __init__(self, url: str, *, rate_seconds: int) -> None:
        self._address = urlsplit(url)
        self._rate_seconds = rate_seconds

    def now(self) -> float:
        """Its time; raises PrometheusError."""
        return float(self._ask("query", query="vector(time())")[0]["value"][1])

    def lines(self, panel: Panel, stretch: Stretch) -> list[Series]:
        """What a panel would draw; raises PrometheusError."""
        whole = f"{round(stretch.ends_at - stretch.begins_at)}s"
        found = []
        for query in panel.queries:
            expr = query.expr.replace("$__rate_interval", f"{self._rate_seconds}s").replace("$__range", whole)
            answer = self._ask(
                "query_range",
                query=expr,
                start=str(stretch.begins_at),
                end=str(stretch.ends_at),
                step=f"{stretch.step_seconds:.3f}",
            )
            for each in answer:
                points = tuple((float(at), float(text)) for at, text in each["values"])
                points = tuple(point for point in points if math.isfinite(point[1]))
                if points:
                    found.append(Series(_name(query.legend, each["metric"]), points))
        return found

    def _ask(self, what: str, **parameters: str) -> Any:
        address = self._address
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_ASK_SECONDS)
        try:
            connection.request("GET", f"{address.path.rstrip('/')}/api/v1/{what}?{urlencode(parameters)}")
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise PrometheusError(f"no answer from {address.geturl()}: {error}") from error
        finally:
            connection.close()
        if answer["status"] != "success":
            raise PrometheusError(f"{parameters['query']}: {answer.get('error')}")
        return answer["data"]["result"]


def _name(legend: str, labels: dict[str, str]) -> str:
    for label in ("__name__", "service", *labels):
        legend = legend.replace("{{" + label + "}}", labels.get(label, ""))
    # A label that the series does not have is empty, as in Grafana: `or vector(0)` has none.
    while "{{" in legend:
        before, _, rest = legend.partition("{{")
        legend = before + rest.partition("}}")[2]
    return legend.strip() or "none"
