"""Transport messages recorded between reference servers, as the reader gets them: content type and body."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from sild.configuration_client import load_globalconf
from sild.xroad.globalconf import GlobalConf
from sild.xroad.recorded import RecordedHead, read_recorded_message
from sild.xroad.transport import BodyData, Event, TransportLimits, TransportMessageReader

RECORDED_AT = datetime(2026, 11, 22, 12, 2, 30, tzinfo=UTC)
SIGNED = ("01.req", "01.resp", "02.req", "02.resp", "04.req", "05.req", "05.resp", "06.req", "06.resp")


def configuration(shared: Path) -> GlobalConf:
    return load_globalconf(shared / "wire/globalconf")


def message(path: Path) -> tuple[RecordedHead, bytes]:
    head, body = read_recorded_message([path.read_bytes()])
    return head, b"".join(body)


def read(
    content_type: str, body: bytes, cuts: list[int] | None = None, limits: TransportLimits | None = None
) -> tuple[list[Event], Exception | None]:
    """All events, BodyData joined, and what was raised in the end. cuts: where the input is cut into pieces."""
    events: list[Event] = []
    error: Exception | None = None
    places = [0, *sorted(cuts or []), len(body)]
    try:
        reader = TransportMessageReader(content_type, limits)
        for start, end in pairwise(places):
            events += reader.feed(body[start:end])
        events += reader.finish()
    except Exception as caught:
        error = caught
    return _joined(events), error


def _joined(events: list[Event]) -> list[Event]:
    found: list[Event] = []
    for event in events:
        if isinstance(event, BodyData) and found and isinstance(found[-1], BodyData):
            found[-1] = BodyData(found[-1].data + event.data)
        else:
            found.append(event)
    return found
