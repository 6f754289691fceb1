"""Which bodies are logged, and how much of them (UG-SYSPAR, `message-log` section)."""

from __future__ import annotations

from dataclasses import dataclass

from sild.errors import Unavailable
from sild.message_log.records import MessageRecord
from sild.xroad.identifiers import ClientId

__all__ = ["BodyLogging"]

MAX_LOGGABLE_BODY_SIZE = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BodyLogging:
    """`enabled` holds for every provider but the listed ones, for whom the opposite holds.

    local_providers: subsystems whose services this server offers.  remote_providers: those its clients use.
    max_body_size: bytes kept of a body or attachment; 0 keeps none.  truncated_allowed: a longer one is cut to that,
    otherwise the message is refused.
    """

    enabled: bool = True
    local_providers: frozenset[ClientId] = frozenset()
    remote_providers: frozenset[ClientId] = frozenset()
    max_body_size: int = MAX_LOGGABLE_BODY_SIZE
    truncated_allowed: bool = False

    def is_logged(self, provider: ClientId, *, client_side: bool) -> bool:
        """Whether bodies of exchanges with `provider` (the service's client) are logged."""
        listed = provider in (self.remote_providers if client_side else self.local_providers)
        return self.enabled is not listed

    def ensure_loggable(self, record: MessageRecord) -> None:
        """Raises Unavailable (`logging_failed`) for a body longer than may be logged."""
        if self.truncated_allowed or self.max_body_size == 0:
            return
        for attachment in record.attachments:
            size = len(attachment) if isinstance(attachment, bytes) else attachment.size
            if size > self.max_body_size:
                raise Unavailable(
                    "Message size exceeds maximum loggable size", code="logging_failed", size=size
                )
