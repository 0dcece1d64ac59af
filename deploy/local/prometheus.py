"""Prometheus and Alertmanager on 127.0.0.1, where installed: the files of `deploy/prometheus` with our addresses.

What is scraped stands in a file that Prometheus reads again when it changes, so services may come and go. Alerts go to
the mail server of the stack, or to a webhook.
"""

import http.client
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.local import ports
from deploy.local.errors import StackError
from deploy.local.folders import REPOSITORY, emptied
from deploy.local.processes import Running
from deploy.local.server import Server

HOME: Final = REPOSITORY / "deploy" / "prometheus"
READY_SECONDS = 30.0
_ASK_SECONDS = 2.0
_RETENTION = "2d"
_SERVER = ("prometheus",)
_ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")  # Debian's name, and everybody else's


def found() -> tuple[str, str] | None:
    """Return the paths of both programs, None where one is missing."""
    server, alertmanager = _which(_SERVER), _which(_ALERTMANAGER)
    return None if server is None or alertmanager is None else (server, alertmanager)


def find() -> tuple[str, str]:
    """Return the paths of Prometheus and Alertmanager; raises StackError with what to install."""
    both = found()
    if both is None:
        raise StackError("prometheus is missing: apt-get install prometheus prometheus-alertmanager")
    return both


def _which(names: Sequence[str]) -> str | None:
    return next(filter(None, map(shutil.which, names)), None)


class _Watcher(Server):
    """What both are: pages and an API on one port, that say themselves when they are ready."""

    def __init__(
        self, name: str, folder: Path, *, port: int | None, tied: bool, started: Callable[[Running], None]
    ) -> None:
        super().__init__(name, folder, tied=tied, started=started)
        self.port = ports.configured_or_free(port)

    @property
    def url(self) -> str:
        """Return the address of its pages and API."""
        return f"http://{ports.HOST}:{self.port}"

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until it works; raises StackError with the log's end when it does not."""
        self._wait_until(self._is_ready, seconds, f"{self._name} at {ports.HOST}:{self.port}")

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(ports.HOST, self.port, timeout=_ASK_SECONDS)
        try:
            connection.request("GET", "/-/ready")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Alertmanager(_Watcher):
    """One Alertmanager. Arguments mean what they mean for `kafka.Kafka`.

    `smtp_port` is where its mails go. With a `webhook` both receivers call that instead, and nothing waits for company:
    a test wants to see an alert, not a digest.
    """

    def __init__(
        self,
        folder: Path,
        *,
        smtp_port: int = 25,
        webhook: str | None = None,
        port: int | None = None,
        tied: bool = True,
        started: Callable[[Running], None] = lambda _: None,
    ) -> None:
        super().__init__("alertmanager", folder, port=port, tied=tied, started=started)
        self._smtp_port = smtp_port
        self._webhook = webhook

    def start(self) -> None:
        """Start it, without waiting for it; raises StackError."""
        _, alertmanager = find()
        config = emptied(self._folder) / "alertmanager.yml"
        config.write_text(yaml.safe_dump(self._config(), sort_keys=False))
        self._launch(
            [
                alertmanager,
                f"--config.file={config}",
                f"--storage.path={self._folder / 'data'}",
                f"--web.listen-address={ports.HOST}:{self.port}",
                "--cluster.listen-address=",  # alone: it would look for a private address to gossip on
                "--log.level=warn",
            ]
        )

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load((HOME / "alertmanager.yml").read_text())
        config["global"]["smtp_smarthost"] = f"{ports.HOST}:{self._smtp_port}"
        if self._webhook is not None:
            for receiver in config["receivers"]:
                del receiver["email_configs"]
                receiver["webhook_configs"] = [{"url": self._webhook}]
            for route in (config["route"], *config["route"]["routes"]):
                route |= {"group_wait": "0s", "group_interval": "1s"}
        return config


class Prometheus(_Watcher):
    """One Prometheus. Arguments mean what they mean for `kafka.Kafka`.

    `alertmanager_port` is where alerts go, `scrape_seconds` how often it looks (the files' interval if None).
    """

    def __init__(
        self,
        folder: Path,
        *,
        alertmanager_port: int,
        scrape_seconds: int | None = None,
        port: int | None = None,
        tied: bool = True,
        started: Callable[[Running], None] = lambda _: None,
    ) -> None:
        super().__init__("prometheus", folder, port=port, tied=tied, started=started)
        self._alertmanager_port = alertmanager_port
        self._scrape_seconds = scrape_seconds

    def start(self, targets: Mapping[str, Sequence[str]]) -> None:
        """Start it on `targets` (see `scrape`), empty, without waiting for it; raises StackError."""
        server, _ = find()
        config = emptied(self._folder) / "prometheus.yml"
        config.write_text(yaml.safe_dump(self._config(), sort_keys=False))
        self.scrape(targets)
        self._launch(
            [
                server,
                f"--config.file={config}",
                f"--storage.tsdb.path={self._folder / 'data'}",
                f"--storage.tsdb.retention.time={_RETENTION}",
                f"--web.listen-address={ports.HOST}:{self.port}",
                "--log.level=warn",
            ]
        )

    def scrape(self, targets: Mapping[str, Sequence[str]]) -> None:
        """Look at these addresses (`host:port`, by service) from now on."""
        groups = [{"targets": list(each), "labels": {"service": service}} for service, each in targets.items()]
        arriving = self._targets.with_suffix(".part")
        arriving.write_text(json.dumps(groups))
        arriving.replace(self._targets)

    @property
    def _targets(self) -> Path:
        return self._folder / "targets.json"

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load((HOME / "prometheus.yml").read_text())
        if self._scrape_seconds is not None:
            interval = f"{self._scrape_seconds}s"
            config["global"] |= {"scrape_interval": interval, "evaluation_interval": interval}
            config["global"]["scrape_timeout"] = interval
        config["rule_files"] = [str(HOME / each) for each in config["rule_files"]]
        alertmanagers = [{"static_configs": [{"targets": [f"{ports.HOST}:{self._alertmanager_port}"]}]}]
        config["alerting"]["alertmanagers"] = alertmanagers
        product, itself = config["scrape_configs"]
        del product["static_configs"]
        product["file_sd_configs"] = [{"files": [str(self._targets)]}]
        itself["static_configs"][0]["targets"] = [f"{ports.HOST}:{self.port}"]
        return config
