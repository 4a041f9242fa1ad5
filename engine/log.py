"""Structured logs, one setup for own and foreign records: one JSON object a line, or columns on a terminal.

Event names are constants in snake_case, variables are fields. Ids only: no bodies, no names, no secrets.
"""

from __future__ import annotations

import io
import logging
import sys
from enum import Enum
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from structlog.typing import Processor

QUIET = ("asyncio", "aiohttp.access", "arq", "redis")
"""Foreign loggers that write arguments or one line per request; only their warnings are let through."""


def _lower_level(_: object, __: str, entry: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Name the level as the standard does."""
    entry["level"] = str(entry.get("level", "info")).lower()
    return entry


def _values(_: object, __: str, entry: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Show what an enum stands for, also in columns, which would show its definition."""
    for name, value in entry.items():
        if isinstance(value, Enum):
            entry[name] = value.value
    return entry


def _renderers(*, console: bool) -> list[Processor]:
    """Columns, or one JSON object a line."""
    if console:
        # rich tracebacks would show local variables, and with them tokens and texts
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(pad_event_to=24, timestamp_key="ts", exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]


def setup_logs(log_format: str, level: str, *, worker: str, stderr: bool = False) -> None:
    """Configure structlog and the standard library; `log_format` is `json`, `console` or `auto`."""
    console = log_format == "console" or (log_format == "auto" and sys.stdout.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _lower_level,
        _values,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console, key="ts"),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(console=console)],
    )
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # half a character in somebody's text must not cost the line
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # commands set up twice: first for their own errors, then as a process
    )
    structlog.contextvars.bind_contextvars(worker=worker)


def get_logger() -> structlog.stdlib.BoundLogger:
    """Return the logger that every module uses."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("yuruyuru")
    return logger
