"""Every single byte of every part of a message changed, one after another, through the provider's checks without the sockets.

What is signed, or hashed by what is signed, cannot change at all. The OCSP responses, the hash chain's description and the
signature's XML have bytes that mean nothing (the unsigned wrapping of certificates, white space, an Id nobody refers to): a
message may pass with such a byte changed, but it is the same message of the same client then.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from forger import BODY, CHAIN, HEADERS, OCSP, REQUEST, RESULT, SIGNATURE, Forger, Part, render
from world import Pair

from sild.errors import PlatformError
from sild.http1 import Header, TlsPeer
from sild.pki import der
from sild.security_server.measurement import PRODUCER, Measurement
from sild.security_server.provider_rest import ProviderRest
from sild.security_server.received import ReceivedMessage

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


class Wire:
    """A request as it stands on the wire, behind TLS of the client's server."""

    def __init__(self, body: bytes, certificate: bytes) -> None:
        self._pieces = [body]
        self._headers: dict[bytes, bytes] = {name.lower(): value for name, value in HEADERS}
        self.headers: list[Header] = list(HEADERS)
        self.tls = TlsPeer(certificate, (certificate,), "", "TLSv1.3")

    def header(self, name: bytes) -> bytes | None:
        return self._headers.get(name)

    async def read_some(self) -> bytes:
        return self._pieces.pop() if self._pieces else b""


class Checks:
    """Steps (1) to (4) of the provider's server (`provider_rest`), in its own code."""

    def __init__(self, pair: Pair) -> None:
        self._parts = pair.provider.server._parts
        self._rest = ProviderRest(self._parts)
        self._certificate = der(pair.consumer.auth_certificate)

    async def verdict(self, parts: list[Part]) -> tuple[str, str] | str:
        """The code path of the refusal; or what would be acted on: the whole request and its body."""
        at = datetime.now(UTC)
        globalconf = self._parts.globalconf(at)
        received = ReceivedMessage()
        wire = Wire(render(parts), self._certificate)
        measured = Measurement(PRODUCER)
        try:
            message = await self._rest._read(wire, received, globalconf, at, measured)  # type: ignore[arg-type]
            self._rest._authorize(self._parts.conf, message, globalconf, at)
            self._parts.verify(received, received.signature or b"", message.client, globalconf, at)
            body = received.body.read() if received.body is not None else b""
            return repr(message.part), repr(body)
        except PlatformError as error:  # anything else is a bug, and the test's failure
            return error.code_path
        finally:
            received.close()


READING = {f"service_failed.{code}" for code in ("invalid_message", "mime_parsing_failed", "io_error")}
SIGNED = "signature_verification."
CHAINED = {
    f"{SIGNED}malformed_signature.{code}"
    for code in ("malformed_hash_chain", "invalid_reference", "invalid_hash_chain", "invalid_hash_chain_ref")
}
# What may be answered to a changed byte, and the most of the bytes that may mean nothing.
EXPECTED: dict[str, tuple[set[str], float]] = {
    OCSP: (READING | {"service_failed.ssl_authentication_failed"}, 0.7),
    REQUEST: (
        READING
        | CHAINED
        | {f"service_failed.{c}" for c in ("unknown_member", "invalid_client_identifier")}
        | {"service_failed.ssl_authentication_failed", "unknown_service", "access_denied"},
        0.0,
    ),
    BODY: (CHAINED, 0.0),
    RESULT: (CHAINED | {f"{SIGNED}invalid_signature_value"}, 0.0),
    CHAIN: (CHAINED, 0.05),
    SIGNATURE: (
        {
            SIGNED + code
            for code in (
                "invalid_xml",
                "malformed_signature",
                "incorrect_certificate",
                "invalid_signature_value",
                "invalid_cert_path.cert_validation",
                "invalid_cert_path.incorrect_validation_info",
            )
        },
        0.15,
    ),
}


@pytest.mark.parametrize("kind", EXPECTED)
async def test_every_byte_of_a_part(shared_pair: Pair, kind: str) -> None:
    forger = Forger(shared_pair.world, shared_pair.consumer, shared_pair.provider)
    honest = forger.message(body=b"question")
    checks = Checks(shared_pair)
    accepted = await checks.verdict(honest)
    assert isinstance(accepted, tuple)
    index = [name for name, _ in honest].index(kind)
    data = honest[index][1]
    codes: Counter[str] = Counter()
    for at in range(len(data)):
        parts = list(honest)
        parts[index] = (kind, data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        verdict = await checks.verdict(parts)
        if isinstance(verdict, tuple):
            assert verdict == accepted, f"byte {at}: another message is accepted"
            verdict = "accepted"
        codes[verdict] += 1
    expected, meaningless = EXPECTED[kind]
    assert codes["accepted"] <= len(data) * meaningless, codes
    assert set(codes) - {"accepted"} <= expected, codes
