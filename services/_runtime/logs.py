"""Log lines: one JSON object a line on standard output, for our code and for the libraries under it.

Ours carry a stable `action` and facts as fields: `log.info("partitions_assigned", count=8)`. A library's line has the
action `library` and its text as `message`. Personal data stays out by rule; as a second net, what looks like an e-mail
address or a phone number is masked in every text, stack traces included.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

import structlog
from structlog.stdlib import BoundLogger
from structlog.typing import EventDict, Processor

from services._runtime.settings import LogLevel

_MASKS: Final = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<email>"),
    (re.compile(r"(?<![\w./])(?:\+\d{8,15}|1[3-9]\d{9})(?![\w.])"), "<phone>"),
)
_NESTING_MAX: Final = 6
"""How deep fields are searched for what must be masked; what lies deeper is left out."""
REPEAT_SECONDS: Final = 10.0
_LINES_REMEMBERED_MAX: Final = 500
_QUIET_LOGGERS: Final = ("aiokafka", "faust", "mode", "uvicorn", "httpx", "httpcore", "asyncio")


def get_logger(name: str) -> BoundLogger:
    """Logger of a module; `name` is its `__name__` and becomes the field `logger`."""
    logger: BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def configure_logging(level: LogLevel, *, service: str, instance: str, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (standard output) as JSON. Call once, at start."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(service, instance),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(_formatter(service, instance))
    handler.addFilter(RepeatLimit())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)  # a library's warning is a line like any other
    for name in _QUIET_LOGGERS:
        # Libraries narrate at info; their warnings are worth a line, their narration only when we debug.
        logging.getLogger(name).setLevel("DEBUG" if level == "debug" else "WARNING")


def level_of(number: int) -> LogLevel:
    """The name of a `logging` level, the next lower one for numbers in between."""
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"


class RepeatLimit(logging.Filter):
    """Lets a library say the same thing once in `REPEAT_SECONDS`.

    aiokafka reports every refused connection, ten a second, for as long as a broker is gone. Lines are the same when
    logger, level and text before formatting are. The next one let through says in `repeated` how many were not.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Called by `logging`; `record.created` is the only clock."""
        if not isinstance(record.msg, str) or record.name.startswith("services."):
            return True
        line = (record.name, record.levelno, record.msg)
        last_at, kept_back = self._said.get(line, (float("-inf"), 0))
        if record.created - last_at < REPEAT_SECONDS:
            self._said[line] = (last_at, kept_back + 1)
            return False
        if len(self._said) >= _LINES_REMEMBERED_MAX:
            self._said.clear()
        self._said[line] = (record.created, 0)
        record.repeated = kept_back
        return True


def masked(value: Any, depth: int = 0) -> Any:
    """`value` with every e-mail address and phone number in its texts replaced, whatever its shape."""
    if isinstance(value, str):
        for pattern, replacement in _MASKS:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, Mapping):
        return {key: masked(item, depth + 1) for key, item in value.items()} if depth < _NESTING_MAX else "<deep>"
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(item, depth + 1) for item in value] if depth < _NESTING_MAX else "<deep>"
    return value


def _formatter(service: str, instance: str) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_shared_processors(service, instance), _name_library_line],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _mask_line,
            structlog.processors.EventRenamer("action"),
            structlog.processors.JSONRenderer(sort_keys=False, default=repr),
        ],
    )


def _shared_processors(service: str, instance: str) -> list[Processor]:
    def add_origin(_logger: Any, _method: str, line: EventDict) -> EventDict:
        line["service"] = service
        line["instance"] = instance
        return line

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_origin,
    ]


def _name_library_line(_logger: Any, _method: str, line: EventDict) -> EventDict:
    if repeated := getattr(line["_record"], "repeated", 0):
        line["repeated"] = repeated
    line["message"] = line.pop("event", "")
    line["event"] = "library"
    return line


def _mask_line(_logger: Any, _method: str, line: EventDict) -> EventDict:
    first = {key: line.pop(key) for key in ("timestamp", "level", "event", "message") if key in line}
    return {key: masked(value) for key, value in {**first, **line}.items()}
