"""One event, as a value and as CloudEvents JSON (CloudEvents 1.0.2; JSON format 1.0.2).

The library reads and writes the format; this module adds what it leaves open: limits, and an event that cannot be changed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from sild.errors import PeerError

__all__ = ["CLOUDEVENTS_JSON", "MAX_EVENT_BYTES", "MAX_ID", "Event", "is_text", "parse_event", "render_event"]

CLOUDEVENTS_JSON = "application/cloudevents+json"
MAX_EVENT_BYTES = 64 * 1024
MAX_ATTRIBUTE = 1_000  # characters
MAX_ID, MAX_SUBJECT = 255, 100
"""Characters, as the tables of whoever takes it hold them."""
MAX_DEPTH = 30
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""No text of a database holds them all: NUL, other control characters, half a surrogate pair."""
_CONTEXT = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
_FORMAT = JSONFormat()


@dataclass(frozen=True, slots=True)
class Event:
    """id: unique within `source`.  source: the information system, `/INSTANCE/CLASS/CODE/SUBSYSTEM`.

    type: `civil.birth.registered`.  subject: whom or what it is about, an identity code or another register's key.
    time: when it happened.  data: JSON object; as little as the subscriber needs.  extensions: further attributes by
    lower-case name, such as `caseid`.
    """

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    extensions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def render_event(event: Event) -> bytes:
    """Structured mode, `application/cloudevents+json`."""
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "datacontenttype": "application/json",
        **event.extensions,
    }
    return _FORMAT.write(CloudEvent(attributes, dict(event.data)))


def parse_event(content: bytes) -> Event:
    """Raises PeerError (`invalid_event`) for what is no CloudEvent in JSON, has no subject or time, is too large, or is what no database
    keeps: as an outage it would be sent again for ever."""
    if len(content) > MAX_EVENT_BYTES:
        raise _invalid(f"larger than {MAX_EVENT_BYTES} bytes")
    try:
        written = json.loads(content)
        if not isinstance(written, dict):
            raise _invalid("not a JSON object")
        for name in ("specversion", "id", "time"):  # which the library would make up
            if name not in written:
                raise _invalid(f"no {name}")
        read = _FORMAT.read(CloudEvent, content)
    except CloudEventValidationError as error:
        raise _invalid(f"attributes {', '.join(sorted(error.errors))}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        raise _invalid("not CloudEvents JSON") from None
    attributes, data = read.get_attributes(), read.get_data()
    subject, time = read.get_subject(), read.get_time()
    if subject is None or time is None:
        raise _invalid("no subject or no time")
    if data is not None and not isinstance(data, dict):
        raise _invalid("its data is not a JSON object")
    extensions = {name: value for name, value in attributes.items() if name not in _CONTEXT}
    texts = (read.get_id(), read.get_source(), read.get_type(), subject, *extensions.values())
    if not all(isinstance(text, str) and len(text) <= MAX_ATTRIBUTE for text in texts):
        raise _invalid("an attribute is not a text, or too long")
    short = is_text(read.get_id(), MAX_ID) and is_text(subject, MAX_SUBJECT)
    if not short or not all(is_text(text, MAX_ATTRIBUTE) for text in (*texts, *extensions)):
        raise _invalid("an attribute that no database keeps")
    if not _is_kept_json(data or {}):
        raise _invalid("data that no database keeps")
    return Event(
        id=read.get_id(),
        source=read.get_source(),
        type=read.get_type(),
        subject=subject,
        time=time,
        data=MappingProxyType(data or {}),
        extensions=MappingProxyType(extensions),
    )


def _invalid(reason: str) -> PeerError:
    return PeerError(f"Not an event: {reason}", code="invalid_event")


def is_text(text: str, most: int) -> bool:
    """Of at most so many characters, none of which a database refuses."""
    return len(text) <= most and UNPRINTABLE.search(text) is None


def _is_kept_json(
    content: Any,
) -> bool:  # as json.loads gives it: half a surrogate pair, NaN and any depth among it
    waiting: list[tuple[int, Any]] = [(0, content)]
    while waiting:
        depth, each = waiting.pop()
        if isinstance(each, str):
            if UNPRINTABLE.search(each):
                return False
        elif isinstance(each, float):
            if not math.isfinite(each):
                return False
        elif isinstance(each, list | dict):
            if depth >= MAX_DEPTH:
                return False
            inside = [*each, *each.values()] if isinstance(each, dict) else each
            waiting.extend((depth + 1, one) for one in inside)
    return True
