"""What is logged (PR-MESSLOG, WIRE 17), and what comes back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sild.xroad.identifiers import ClientId

__all__ = ["Attachment", "Body", "LoggedMessage", "MessageRecord", "TimestampRecord", "query_hash"]


class Body(Protocol):
    """A body of any size that can be read from its beginning any number of times."""

    @property
    def size(self) -> int: ...

    def pieces(self) -> Iterator[bytes]:
        """The whole of it. Nobody else may read it meanwhile: `append` reads in another thread."""
        ...


Attachment = bytes | Body


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """One message to be logged.

    message: the SOAP bytes or the REST part, exactly as signed.  signature: signatures.xml.
    client_id: whose record it is: on the client's side the client, on the provider's side the service's client.
    attachments: the REST body, or the SOAP attachments in order.
    body_logged: False leaves the attachments out; `message` then is the loggable part only (`BodyLogging.is_logged`).
    """

    query_id: str
    message: bytes
    signature: bytes
    client_id: ClientId
    is_response: bool
    x_request_id: str | None = None
    hash_chain_result: bytes | None = None
    hash_chain: bytes | None = None
    attachments: Sequence[Attachment] = ()
    body_logged: bool = True


@dataclass(frozen=True, slots=True)
class TimestampRecord:
    """A TimeStampToken (DER ContentInfo). Without `hash_chain_result` it covers one SignatureValue, else a batch."""

    id: int
    time: datetime
    token: bytes
    hash_chain_result: bytes | None


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """A record as it stands in the log, without its attachments.

    `signature` is what was logged; a single time-stamp is put into it when the record is taken out.
    """

    id: int
    time: datetime
    query_id: str
    x_request_id: str | None
    is_response: bool
    client_id: ClientId
    message: bytes
    signature: bytes
    hash_chain_result: bytes | None
    hash_chain: bytes | None
    timestamp: TimestampRecord | None
    timestamp_hash_chain: bytes | None


def query_hash(query_id: str) -> int:
    """What the log is searched by: 64 bits of the query identifier, so that the index stays small at any size."""
    return int.from_bytes(hashlib.blake2b(query_id.encode(), digest_size=8).digest(), "big", signed=True)
