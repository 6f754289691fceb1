"""One event, as a value and as CloudEvents JSON (CloudEvents 1.0.2; JSON format 1.0.2).

The library reads and writes the format; this module adds what it leaves open: limits, and an event that cannot be changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from sild.errors import PeerError

__all__ = ["CLOUDEVENTS_JSON", "Event", "parse_event", "render_event"]

CLOUDEVENTS_JSON = "application/cloudevents+json"
MAX_EVENT_BYTES = 64 * 1024
MAX_ATTRIBUTE = 1_000  # characters
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
    """Raises PeerError (`invalid_event`) for what is no CloudEvent in JSON, has no subject or time, or is too large."""
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
