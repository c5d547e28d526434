"""The logs of the service inside a command or notebook: warnings and errors, one plain line each."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from pag.printable import printable
from service.telemetry.logs import StderrHandler


class MessageFormatter(logging.Formatter):
    """The message alone: its line names the cause of an exception, and no traceback follows."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return record.getMessage()


def log_warnings_only() -> None:
    """Send the service's warnings and errors to standard error; leave logs alone that are set up."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.add_log_level, _plain_line],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    logger = logging.getLogger("service")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    handler = StderrHandler()
    handler.setFormatter(MessageFormatter())
    logger.handlers = [handler]
    # A failure at the start becomes one exception here; uvicorn would print its whole traceback too.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)


def _plain_line(_: Any, level: str, event: MutableMapping[str, Any]) -> str:
    words = str(event.pop("event")).replace("_", " ")
    level = event.pop("level", level)
    if (cause := _cause(event.pop("exc_info", None))) is not None:
        event["cause"] = cause
    details = ", ".join(f"{name}={value}" for name, value in event.items())
    return printable(f"{level}: {words}" + (f" ({details})" if details else ""))


def _cause(exc_info: Any) -> BaseException | None:
    """The exception that structlog's `exc_info` means: itself, a tuple of sys.exc_info, or true for now's."""
    if isinstance(exc_info, BaseException):
        return exc_info
    found = exc_info if isinstance(exc_info, tuple) else sys.exc_info() if exc_info else (None, None, None)
    cause: BaseException | None = found[1]
    return cause
