"""The edge: one request as plain values within limits, cookies, and what every answer says to the browser.

No inline script or style, no frame, nothing from elsewhere; forms end here or at the identity provider. What is personal is
not stored by the browser; the look, the script and the offline page are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from sild.errors import CallerError

__all__ = [
    "BROWSER_COOKIE",
    "LANGUAGE_COOKIE",
    "SESSION_COOKIE",
    "Call",
    "clear_cookie",
    "local_path",
    "read_call",
    "redirect",
    "secure",
    "set_cookie",
]

SESSION_COOKIE = "__Host-portal"
BROWSER_COOKIE = "__Host-portal-browser"
LANGUAGE_COOKIE = "__Host-portal-language"

MAX_BODY_BYTES = 256 * 1024
BODY_SECONDS = 15.0
MAX_FIELDS = 300

_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin",  # a form's Origin would be null under a stricter one
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request. set_cookies: to send with the answer."""

    method: str
    path: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes
    set_cookies: dict[str, str] = field(default_factory=dict)

    @property
    def is_script(self) -> bool:
        """Our script asks: JSON comes back."""
        return self.headers.get("x-requested-by", "") == "portal"

    @property
    def form(self) -> dict[str, list[str]]:
        """application/x-www-form-urlencoded, UTF-8. Raises CallerError (`bad_form`)."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise CallerError("the body must be a form", code="bad_form")
        return _pairs(self.body)


async def read_call(request: Request) -> Call:
    """Raises CallerError (`too_large`, `bad_form`)."""
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY_BYTES:
                    raise CallerError("the body is too large", code="too_large")
    except (TimeoutError, ClientDisconnect) as error:
        raise CallerError("the body did not arrive", code="bad_form") from error
    query = _pairs(request.scope.get("query_string", b""))
    return Call(
        method=request.method,
        path=request.url.path,
        parameters=dict(request.path_params),
        query={name: values[-1] for name, values in query.items()},
        headers=request.headers,
        cookies=request.cookies,
        body=body,
    )


def _pairs(text: bytes) -> dict[str, list[str]]:
    try:
        pairs = parse_qsl(
            text.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise CallerError("the form cannot be read", code="bad_form") from error
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return found


def set_cookie(response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """`__Host-`: this host alone, over TLS, all paths (RFC 6265bis 4.1.3.2); no script reads it."""
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def clear_cookie(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


def redirect(url: str) -> Response:
    """303: whatever came, GET follows."""
    return RedirectResponse(url, 303)


def local_path(text: str, otherwise: str = "/home") -> str:
    """A path of ours, or another: nobody is sent elsewhere by a link somebody made (open redirect)."""
    fits = (
        text.startswith("/") and not text.startswith(("//", "/\\")) and text.isascii() and text.isprintable()
    )
    return text if fits and "\\" not in text and len(text) < 500 else otherwise


def secure(response: Response, *, form_targets: Sequence[str] = ()) -> Response:
    """form_targets: origins a form of ours may be redirected to."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    targets = " ".join(["'self'", *sorted(set(form_targets))])
    response.headers.setdefault(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        f"manifest-src 'self'; worker-src 'self'; form-action {targets}; frame-ancestors 'none'; base-uri 'none'",
    )
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response
