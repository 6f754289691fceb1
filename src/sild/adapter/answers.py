"""Answers: what the service said, and X-Road's words about the exchange that brought it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha512
from typing import Any, Self

from sild.adapter.evidence import EvidenceHandle
from sild.adapter.faults import service_error
from sild.errors import PeerError
from sild.http1 import Header
from sild.xroad import ClientId, ServiceId
from sild.xroad.mime import parse_content_type

__all__ = ["AnswerHead", "RestAnswer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerHead:
    """Status, headers and what identifies the exchange.

    headers: in order, as received, the security server's last.  query_id: X-Road-Id, ours or the one we gave.
    request_id: X-Road-Request-Id, made by the security server.
    request_hash: raw SHA-512 of the request as signed (WIRE 2.3).  attempts: requests sent until this answer came.
    """

    status: int
    headers: tuple[Header, ...]
    client: ClientId
    service: ServiceId
    query_id: str
    request_id: str
    request_hash: bytes
    attempts: int = 1

    def header(self, name: str) -> str | None:
        """The first value of a header, `name` in any case."""
        return next(iter(self.header_values(name)), None)

    def header_values(self, name: str) -> Sequence[str]:
        wanted = name.lower().encode()
        return [_text(value) for key, value in self.headers if key.lower() == wanted]

    @property
    def content_type(self) -> str:
        """As written, empty when absent."""
        return self.header("content-type") or ""


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestAnswer(AnswerHead):
    """An answer read whole. Any status the service gave is an answer: `ensure_success` makes 4xx and 5xx errors.

    What it says stays out of `repr`, which ends up in logs.
    """

    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def text(self) -> str:
        """The body decoded as its content type says, UTF-8 when it does not. Raises PeerError (`invalid_body`)."""
        charset = charset_of(self.content_type) or "utf-8"
        try:
            return self.body.decode(charset)
        except (LookupError, UnicodeDecodeError):
            raise PeerError(f"the body is not {charset[:40]} text", code="invalid_body") from None

    def json(self) -> Any:  # a document of any shape: the caller knows its schema
        """The body as JSON. Raises PeerError (`invalid_body`)."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise PeerError("the body is not JSON", code="invalid_body") from None

    def ensure_success(self) -> Self:
        """Itself, or ServiceError (a CallerError, PeerError or Unavailable) for 400 and above; RFC 9457 problems are read."""
        if self.ok:
            return self
        raise service_error(
            _problem(self.body, self.content_type) or f"the service answered {self.status}",
            status=self.status,
            body=self.body,
            content_type=self.content_type,
            query_id=self.query_id,
            retry_after=_seconds(self.header("retry-after")),
        )

    def evidence_handle(self) -> EvidenceHandle:
        """What to keep to fetch and check the evidence of this exchange at any later time."""
        return EvidenceHandle(
            client=self.client,
            service=self.service,
            query_id=self.query_id,
            request_id=self.request_id,
            request_hash=self.request_hash,
            answer_digest=sha512(self.body).digest(),
        )


def charset_of(content_type: str) -> str | None:
    try:
        return parse_content_type(content_type).parameters.get("charset")
    except PeerError:
        return None


def _problem(body: bytes, content_type: str) -> str:
    """`title: detail` of an RFC 9457 problem."""
    if not content_type.lower().startswith("application/problem+json"):
        return ""
    try:
        read = json.loads(body)
    except ValueError:
        return ""
    texts = [read.get(name) for name in ("title", "detail")] if isinstance(read, dict) else []
    return ": ".join(text for text in texts if isinstance(text, str))


def _seconds(value: str | None) -> float | None:
    return float(value) if value is not None and value.strip().isdigit() else None
