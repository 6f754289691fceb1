"""OCSP responses of other servers' TLS certificates, asked for at their port 5577 and kept (WIRE 10.1).

The client's server needs them to trust the provider's server; the provider's server gets its peer's in the message.
What a peer gives is not trusted for that: the responses are signed by the certification authority, and verified with the
certificate each time their verdict is not remembered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from urllib.parse import urlencode

from sild.errors import PeerError, PlatformError, TrustError
from sild.http1 import fetch
from sild.pki import certificate_sha1
from sild.security_server.settings import PeerRoute
from sild.telemetry import get_logger
from sild.xroad.mime import MultipartScanner, PartHeaders, parse_content_type

__all__ = ["PeerOcsp"]

log = get_logger("security_server")
MAX_KEPT = 10_000
MAX_ANSWER = 256 * 1024
TIMEOUT = 20.0


class PeerOcsp:
    """By certificate (DER). A response that no longer convinces is dropped by its user and asked for again."""

    def __init__(self) -> None:
        self._kept: dict[bytes, bytes] = {}

    def kept(self, certificates: Sequence[bytes]) -> tuple[bytes, ...] | None:
        """The responses for all of `certificates`, unless one is missing."""
        found = tuple(self._kept[der] for der in certificates if der in self._kept)
        return found if len(found) == len(certificates) else None

    def drop(self, certificates: Sequence[bytes]) -> None:
        for der in certificates:
            self._kept.pop(der, None)

    async def fetch(self, route: PeerRoute, certificates: Sequence[bytes]) -> tuple[bytes, ...]:
        """Ask the peer for responses for its certificates, in their order. Raises TrustError (`ssl_authentication_failed`)."""
        query = [("cert", certificate_sha1(der).hex()) for der in certificates]
        query += [("cert_hash", hashlib.sha256(der).hexdigest()) for der in certificates]
        host = f"[{route.host}]" if ":" in route.host else route.host
        url = f"http://{host}:{route.ocsp_port}/?{urlencode(query)}"
        try:
            answer = await fetch(url, timeout=TIMEOUT, max_bytes=MAX_ANSWER)
            if answer.status != 200:
                raise PeerError(f"status {answer.status}", code="http_error")
            content_type = (answer.header(b"content-type") or b"").decode("latin-1")
            responses = _parts(answer.body, content_type)
            if len(responses) != len(certificates):
                raise PeerError("another number of OCSP responses than asked for", code="invalid_message")
        except PlatformError as error:
            log.refusal("peer_ocsp.failed", error, host=route.host, port=route.ocsp_port)
            raise TrustError(
                "Could not get OCSP responses for the TLS certificate of the provider's security server",
                code="ssl_authentication_failed",
                cause=error.code_path,
            ) from error
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept.update(zip(certificates, responses, strict=True))
        return responses


class _Responses:
    """Collects the parts of type application/ocsp-response."""

    def __init__(self) -> None:
        self.found: list[bytes] = []
        self._wanted = False
        self._data = bytearray()

    def part_begin(self, headers: PartHeaders) -> None:
        self._wanted = headers.media_type == "application/ocsp-response"
        self._data.clear()

    def part_data(self, data: bytes) -> None:
        self._data += data

    def part_end(self) -> None:
        if self._wanted:
            self.found.append(bytes(self._data))

    def multipart_end(self) -> None:
        pass


def _parts(body: bytes, content_type: str) -> tuple[bytes, ...]:
    kind = parse_content_type(content_type)
    if kind.media_type != "multipart/related":
        raise PeerError(f"Invalid content type: {kind.media_type}", code="invalid_content_type")
    sink = _Responses()
    scanner = MultipartScanner(kind.parameters.get("boundary", ""), sink)
    scanner.feed(body)
    scanner.finish()
    return tuple(sink.found)
