"""Log lines: one JSON object a line, plain values only, the exchange's request id on each.

Three different things are kept apart: telemetry (this; may be lost), audit rows (in the transaction of the change) and
the message log (evidence). Nothing secret or personal may be passed here: values are rendered as they come.
"""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

from sild.errors import CallerError, PeerError, PlatformError, TrustError, Unavailable

__all__ = ["Logger", "configure_logging", "get_logger", "request_id"]

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

Plain = str | int | float | bool | None


class request_id:
    """`with request_id(value):` puts `value` (the x-road-request-id) on every line logged inside."""

    __slots__ = ("_token", "_value")

    def __init__(self, value: str) -> None:
        self._value = value

    def __enter__(self) -> None:
        self._token = _request_id.set(self._value)

    def __exit__(self, *_: object) -> None:
        _request_id.reset(self._token)


class Logger:
    """`log.info("server_proxy.refused", code="access_denied", client="DEV/COM/1234/Sub")`: an event name and plain values."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def _log(self, level: int, event: str, values: dict[str, Plain]) -> None:
        if self._logger.isEnabledFor(level):
            identifier = _request_id.get()
            if identifier is not None:
                values["request_id"] = identifier
            self._logger.log(level, event, extra={"values": values})

    def debug(self, event: str, **values: Plain) -> None:
        self._log(logging.DEBUG, event, values)

    def info(self, event: str, **values: Plain) -> None:
        self._log(logging.INFO, event, values)

    def warning(self, event: str, **values: Plain) -> None:
        self._log(logging.WARNING, event, values)

    def error(self, event: str, **values: Plain) -> None:
        self._log(logging.ERROR, event, values)

    def refusal(self, event: str, error: PlatformError, **values: Plain) -> None:
        """A refusal with whose fault it is (`fault`: CallerError, PeerError, TrustError, Unavailable)."""
        kind, whose = type(error).__name__, _whose(error)
        values.update(fault=whose, code=error.code_path, message=error.message)
        if kind != whose:
            values["error"] = kind
        for name, value in error.detail.items():
            values.setdefault(name, value)
        self._log(logging.WARNING, event, values)

    def bug(self, event: str, error: BaseException, **values: Plain) -> None:
        """An error nobody foresaw: logged with its trace, shown to no caller."""
        values["error"] = type(error).__name__
        self._logger.error(event, exc_info=error, extra={"values": values})


def _whose(error: PlatformError) -> str:
    """The kind among the four, whatever a room calls its own error; a fault passed on from a peer is none of them."""
    kinds = (CallerError, PeerError, TrustError, Unavailable)
    return next((kind.__name__ for kind in kinds if isinstance(error, kind)), type(error).__name__)


def get_logger(room: str) -> Logger:
    return Logger(logging.getLogger(f"sild.{room}"))


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "room": record.name.removeprefix("sild."),
            "event": record.getMessage(),
        }
        line.update(getattr(record, "values", {}))
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        text = json.dumps(line, ensure_ascii=False)
        return text if text.isprintable() else "".join(map(_printable, text))


def _printable(character: str) -> str:
    """What a terminal acts on or a reader takes for a line's end (C1 controls, U+2028, marks of direction) is escaped."""
    return character if character.isprintable() else json.dumps(character)[1:-1]


logging.getLogger("sild").addHandler(logging.NullHandler())  # silent in a program that configures no logging


def configure_logging(level: str = "INFO") -> None:
    """Called once by a main."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    root = logging.getLogger("sild")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
