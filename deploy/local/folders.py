"""Where the launcher keeps things: `.cache` survives `make clean`, `build` does not."""

import shutil
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache"
BUILD = REPOSITORY / "build"
STACKS = BUILD / "stack"
ENDPOINTS = BUILD / "up" / "endpoints.json"
_CAUSES_MAX = 5


def emptied(folder: Path) -> Path:
    """Return `folder`, existing and empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def last_lines(path: Path, count: int = 15) -> str:
    """Return the last `count` lines of a log for an error message, or a note that there is none.

    What a Java process died of stands in front of long traces, so the lines that name a cause come first.
    """
    if not path.is_file():
        return f"(no log at {path})"
    lines = path.read_text(errors="replace").splitlines()
    causes = [line for line in lines[:-count] if line.startswith(("Caused by:", "Exception in"))]
    return "\n".join([*causes[-_CAUSES_MAX:], f"the end of {path}:", *lines[-count:]])
