"""The edge: one HTTP request as plain values, bodies within limits, cookies, headers that every answer bears, errors rendered.

Handlers are plain functions run in a thread: they ask the database. What a browser may do with an answer is said here once:
no frame, no foreign script, style or form, nothing stored.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Scope

from sild.errors import CallerError, PeerError, PlatformError
from sild.openid import OpenIDError
from sild.pki import Certificate, read_certificate

__all__ = [
    "ASKED_LANGUAGE_COOKIE",
    "BROWSER_COOKIE",
    "LANGUAGE_COOKIE",
    "SESSION_COOKIE",
    "Call",
    "clear_cookie",
    "peer_certificate",
    "read_call",
    "redirect",
    "secure",
    "set_cookie",
]

SESSION_COOKIE = "__Host-session"
BROWSER_COOKIE = "__Host-browser"
LANGUAGE_COOKIE = "__Host-language"
ASKED_LANGUAGE_COOKIE = "__Host-asked-language"
"""What the service of the last log-in asked for: pages that know of no log-in, refusals before all, speak it."""

MAX_BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0
MAX_FIELDS = 100

_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin",  # a form's Origin would be null under a stricter one
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request. address: of the peer, for limits only.  certificate: of the TLS connection, if the server handed one in."""

    method: str
    path: str
    parameters: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes
    address: str
    certificate: Certificate | None = None
    set_cookies: dict[str, str] = field(default_factory=dict)

    @property
    def form(self) -> Sequence[tuple[str, str]]:
        """application/x-www-form-urlencoded, UTF-8. Raises OpenIDError (`invalid_request`)."""
        if (
            self.headers.get("content-type", "").partition(";")[0].strip().lower()
            != "application/x-www-form-urlencoded"
        ):
            raise OpenIDError("the body must be a form")
        return parse_form(self.body)


def parse_form(body: bytes) -> Sequence[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise OpenIDError("the form cannot be read") from error


async def read_call(request: Request) -> Call:
    """Raises OpenIDError: a body too large, too slow, unreadable."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        raise OpenIDError("the body is too large")
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY_BYTES:
                    raise OpenIDError("the body is too large")
    except (TimeoutError, ClientDisconnect) as error:
        raise OpenIDError("the body did not arrive") from error
    query = request.scope.get("query_string", b"")
    return Call(
        method=request.method,
        path=request.url.path,
        parameters=dict(request.path_params),
        query=parse_form(query),
        headers=request.headers,
        cookies=request.cookies,
        body=body,
        address=request.client.host if request.client else "",
        certificate=peer_certificate(request.scope),
    )


def peer_certificate(scope: Scope) -> Certificate | None:
    """The client's certificate, as a server with the ASGI TLS extension hands it in (`client_cert_chain`, PEM, leaf first).

    A header is never looked at here: whoever may set headers could be anybody.
    """
    chain = scope.get("extensions", {}).get("tls", {}).get("client_cert_chain") or ()
    if not chain:
        return None
    try:
        return read_certificate(str(chain[0]).encode())
    except PeerError as error:
        raise OpenIDError("the certificate cannot be read") from error


def client_cert_header(value: str) -> str | None:
    """PEM out of a `Client-Cert` header (RFC 9440 2.1: `:base64:`), for an edge that trusts its proxy."""
    text = value.strip()
    if len(text) < 3 or text[0] != ":" or text[-1] != ":":
        return None
    try:
        der = base64.b64decode(text[1:-1], validate=True)
    except binascii.Error:
        return None
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"


def set_cookie(response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """`__Host-`: this host alone, over TLS, all paths (RFC 6265bis 4.1.3.2); no script reads it."""
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def clear_cookie(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


def redirect(url: str) -> Response:
    """303: whatever came, GET follows (RFC 9700 4.12)."""
    return RedirectResponse(url, 303)


def secure(response: Response, *, https: bool, form_targets: Sequence[str] = ()) -> Response:
    """form_targets: origins a form of the page may end at beside our own: the service's, which the answer redirects to."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    targets = " ".join(["'self'", *sorted(set(form_targets))])
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action {targets}; frame-ancestors 'none'; base-uri 'none'"
    )
    response.headers.setdefault("Cache-Control", "no-store")
    if https:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


Handler = Callable[[Call], Response]
Refusal = Callable[[Call, Exception], Response]


def endpoint(
    handler: Handler, refused: Refusal, finish: Callable[[Response], Response]
) -> Callable[[Request], object]:
    """A Starlette endpoint around a handler; `refused` renders what it raises."""

    async def run(request: Request) -> Response:
        try:
            call = await read_call(request)
        except PlatformError as error:
            return finish(JSONResponse({"error": error.code, "error_description": error.message}, 400))
        return finish(await run_in_threadpool(_guarded, handler, refused, call))

    return run


def _guarded(handler: Handler, refused: Refusal, call: Call) -> Response:
    try:
        return handler(call)
    except (CallerError, PlatformError) as error:
        return refused(call, error)
