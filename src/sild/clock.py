"""Time as an argument. Rules take `at: datetime` (aware, UTC); shells take a `Clock` and ask it once per decision."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock", "parse_xml_datetime", "system_clock", "xml_datetime"]

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    return datetime.now(UTC)


def xml_datetime(at: datetime, *, milliseconds: bool = False) -> str:
    """xs:dateTime in UTC with a `Z`: `2035-11-11T03:07:40Z`, or with three digits of a second."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="milliseconds" if milliseconds else "seconds")[:-6] + "Z"


def parse_xml_datetime(text: str) -> datetime:
    """Read xs:dateTime; a value without a zone counts as UTC. Raises ValueError."""
    at = datetime.fromisoformat(text.strip())
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:  # within a day of the years 1 and 9999
        raise ValueError(f"{text!r} is out of range in UTC") from error
