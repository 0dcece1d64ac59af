"""Log lines: one JSON object a line on standard output, for our code and for the libraries under it.

Ours carry a stable `action` and facts as fields: `log.info("partitions_assigned", count=8)`. A library's line has the
action `library` and its text as `message`. Personal data stays out by rule; as a second net, what looks like an e-mail
address or a phone number is masked in every text, stack traces included.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.stdlib import BoundLogger
from structlog.typing import EventDict, Processor

from services._runtime.settings import LogLevel

_MASKS = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<email>"),
    (re.compile(r"(?<![\w.])(?:\+\d{8,15}|1[3-9]\d{9})(?![\w.])"), "<phone>"),
)
_NESTING_MAX = 6
"""How deep fields are searched for what must be masked; what lies deeper is left out."""
_QUIET_LOGGERS = ("aiokafka", "faust", "mode", "uvicorn", "httpx", "httpcore", "asyncio")


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
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET_LOGGERS:
        # Libraries narrate at info; their warnings are worth a line, their narration only when we debug.
        logging.getLogger(name).setLevel("DEBUG" if level == "debug" else "WARNING")


def library_logging_config(level: LogLevel, *, service: str, instance: str) -> dict[str, Any]:
    """The same lines as a `logging.config` mapping, for Faust, which sets up logging again when its worker starts."""
    quiet = "DEBUG" if level == "debug" else "WARNING"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": _formatter, "service": service, "instance": instance}},
        "handlers": {"json": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
        "loggers": {name: {"level": quiet} for name in _QUIET_LOGGERS},
        "root": {"level": level.upper(), "handlers": ["json"]},
    }


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
    line["message"] = line.pop("event", "")
    line["event"] = "library"
    return line


def _mask_line(_logger: Any, _method: str, line: EventDict) -> EventDict:
    return {key: masked(value) for key, value in line.items()}
