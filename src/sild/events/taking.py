"""What comes to a subscriber's door, in one place for all of them: read within limits, from whom it says, told by whose it is to tell.

    event = await event_from(request.stream(), sender="SILD/GOV/70000002/population", message_id="m-1", registers=tellers)

Who sends, and under which id, stand in headers that the security server writes (X-Road-Client, X-Road-Id).
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping

from sild.errors import CallerError
from sild.events.event import MAX_EVENT_BYTES, MAX_ID, Event, is_text, parse_event
from sild.events.tellers import ensure_known_teller

__all__ = ["event_from"]


async def event_from(
    pieces: AsyncIterable[bytes], *, sender: str, message_id: str, registers: Mapping[str, str]
) -> Event:
    """pieces: of the body.  registers: `INSTANCE/CLASS/CODE/SUBSYSTEM` by name, of which events are taken: nobody else's are.

    Raises PeerError (`invalid_event`: no event, or one that no database keeps), CallerError (`too_large`; `invalid_event`: another's).
    """
    body = b""
    async for piece in pieces:
        body += piece
        if len(body) > MAX_EVENT_BYTES:
            raise CallerError(f"an event has at most {MAX_EVENT_BYTES} bytes", code="too_large")
    event = parse_event(body)
    if not message_id or event.source.removeprefix("/") != sender:
        raise CallerError("an event comes from the system that sends it", code="invalid_event")
    if not is_text(message_id, MAX_ID):
        raise CallerError("an id of a message that no database keeps", code="invalid_event")
    ensure_known_teller(event, registers)
    return event
