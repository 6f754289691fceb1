"""What an ACME client is told when it is refused: RFC 8555 6.7, RFC 9773 7.4, as RFC 9457 problem documents."""

from __future__ import annotations

from collections.abc import Mapping

from sild.errors import CallerError

__all__ = ["AcmeProblem"]

PREFIX = "urn:ietf:params:acme:error:"
STATUSES: Mapping[str, int] = {
    "accountDoesNotExist": 400,
    "alreadyReplaced": 409,
    "alreadyRevoked": 400,
    "badCSR": 400,
    "badNonce": 400,
    "badPublicKey": 400,
    "badRevocationReason": 400,
    "badSignatureAlgorithm": 400,
    "connection": 400,
    "dns": 400,
    "externalAccountRequired": 403,
    "incorrectResponse": 403,
    "invalidContact": 400,
    "invalidProfile": 400,
    "malformed": 400,
    "orderNotReady": 403,
    "rateLimited": 429,
    "rejectedIdentifier": 400,
    "serverInternal": 500,
    "unauthorized": 403,
    "unsupportedContact": 400,
    "unsupportedIdentifier": 400,
    "userActionRequired": 403,
}
"""The words of the standard, and the HTTP status each is sent with unless a refusal says otherwise."""


class AcmeProblem(CallerError):
    """kind: a word of `STATUSES`.  more: further members of the problem document.  headers: of the answer."""

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=kind)
        self.status = STATUSES[kind] if status is None else status
        self.headers = dict(headers or {})
        self._more = dict(more or {})

    def document(self) -> dict[str, object]:
        return {"type": PREFIX + self.code, "detail": self.message, "status": self.status, **self._more}
