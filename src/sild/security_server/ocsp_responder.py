"""Port 5577: OCSP responses of this server's own TLS certificates, for peers that connect to it (WIRE 10.1).

`GET /?cert=<sha1 hex>&cert=...` is answered with one part per hash in order, `HEAD` with 200. Plain HTTP: the responses
are signed.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from sild.http1 import Request, Responder
from sild.telemetry import get_logger

__all__ = ["OCSPPort"]

log = get_logger("security_server")
MAX_HASHES = 20


class OCSPPort:
    """ocsp_response: gives the response for a certificate's SHA-1 (lower-case hex), or None."""

    def __init__(self, ocsp_response: Callable[[str], Awaitable[bytes | None]]) -> None:
        self._ocsp_response = ocsp_response

    async def handle(self, request: Request, responder: Responder) -> None:
        if request.method == "HEAD":
            await responder.send(200, [], b"")
            return
        if request.method != "GET":
            await _refuse(responder, 405, "Method not allowed")
            return
        _, _, query = request.target.partition(b"?")
        hashes = parse_qs(query.decode("latin-1")).get("cert", [])[:MAX_HASHES]
        responses = [(wanted, await self._ocsp_response(wanted.lower())) for wanted in hashes]
        missing = next((wanted for wanted, response in responses if response is None), None)
        if missing is not None or not responses:
            log.warning("ocsp_responder.missing", certificate=ascii(missing)[:60])
            await _refuse(
                responder, 500, f"Failed to get OCSP response for certificate {ascii(missing)[:60]}"
            )
            return
        boundary = "jetty" + secrets.token_hex(15)
        body = b"".join(
            b"--%s\r\ncontent-type: application/ocsp-response\r\n\r\n%s\r\n" % (boundary.encode(), response)
            for _, response in responses
            if response is not None
        )
        content_type = (
            f'multipart/related; type="application/ocsp-response"; charset=UTF-8; boundary={boundary}'
        )
        await responder.send(
            200, [(b"Content-Type", content_type.encode())], body + b"--%s--\r\n" % boundary.encode()
        )


async def _refuse(responder: Responder, status: int, text: str) -> None:
    await responder.send(status, [(b"Content-Type", b"text/plain;charset=utf-8")], text.encode())
