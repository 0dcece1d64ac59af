"""Which files are generated, and whether those that are committed are what the code says."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.monitoring.boards import BOARDS
from deploy.monitoring.grafana import dashboard_json
from deploy.monitoring.metrics_page import metrics_page

DASHBOARDS: Final = Path("deploy") / "grafana" / "dashboards"
METRICS_PAGE: Final = Path("docs") / "metrics.md"


def files() -> dict[Path, str]:
    """The text of each generated file, by its path in the repository."""
    return {METRICS_PAGE: metrics_page()} | {
        DASHBOARDS / f"{board.uid}.json": dashboard_json(board) for board in BOARDS
    }


def generate(repository: Path) -> list[Path]:
    """Write what differs and remove dashboards that are no more; return the paths that changed."""
    wanted = files()
    changed = [path for path, text in wanted.items() if _read(repository / path) != text]
    for path in changed:
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(wanted[path], "utf-8")
    gone = _left_over(repository, wanted)
    for path in gone:
        (repository / path).unlink()
    return [*changed, *gone]


def differences(repository: Path) -> list[str]:
    """What a run of `generate` would change, a line each."""
    wanted = files()
    drifted = [f"{path} is not what the code says" for path, text in wanted.items() if _read(repository / path) != text]
    return [*drifted, *(f"{path} belongs to no board" for path in _left_over(repository, wanted))]


def _left_over(repository: Path, wanted: dict[Path, str]) -> list[Path]:
    found = (path.relative_to(repository) for path in sorted((repository / DASHBOARDS).glob("*.json")))
    return [path for path in found if path not in wanted]


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None
