"""Structured logs: one line an event, key=value, with the request id where there is one."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any, TextIO

import structlog


def set_up(logdir: str, logfile: str, level: str) -> None:
    """Send logs to `logfile` below `logdir`, or to stderr for '-'. Raises OSError."""
    stream: TextIO = sys.stderr
    if logfile != "-":
        path = Path(logdir) / logfile
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a", buffering=1)
    number = logging.getLevelNamesMapping()[level.upper()]
    common: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    last: list[Any] = [
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"], drop_missing=True),
    ]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *common, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)  # the store's lines, and those of libraries
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
