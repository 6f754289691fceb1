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
from sild.portal.uploads import MULTIPART, Limits, Room, Upload, read_multipart

__all__ = [
    "BROWSER_COOKIE",
    "LANGUAGE_COOKIE",
    "SESSION_COOKIE",
    "Call",
    "Uploading",
    "clear_cookie",
    "forget_drafts",
    "head_of",
    "is_multipart",
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
    """One request. set_cookies: to send with the answer.  fields, uploads: of a form with files, read already."""

    method: str
    path: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes
    set_cookies: dict[str, str] = field(default_factory=dict)
    fields: Mapping[str, list[str]] | None = None
    uploads: tuple[Upload, ...] = ()

    @property
    def is_script(self) -> bool:
        """Our script asks, or a program that wants no page: JSON comes back."""
        return self.headers.get("x-requested-by", "") == "portal" or self.wants_json

    @property
    def wants_json(self) -> bool:
        """Before anything else (RFC 9110 12.5.1)."""
        wanted = self.headers.get("accept", "").partition(",")[0].partition(";")[0]
        return wanted.strip().lower() == "application/json"

    @property
    def form(self) -> dict[str, list[str]]:
        """application/x-www-form-urlencoded, UTF-8, or the fields of a form with files. Raises CallerError (`bad_form`)."""
        if self.fields is not None:
            return {name: [*values] for name, values in self.fields.items()}
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise CallerError("the body must be a form", code="bad_form")
        return _pairs(self.body)


@dataclass(frozen=True, slots=True)
class Uploading:
    """Of a route that takes forms with files. file_bytes: of one file.  room: of whoever sends it; None: they may send no file.
    seconds: for all."""

    file_bytes: int
    room: Room | None
    seconds: float


async def read_call(request: Request, uploading: Uploading | None = None) -> Call:
    """uploading: None: no form with files is taken. Raises CallerError (`too_large`, `bad_form`)."""
    body = b""
    fields: Mapping[str, list[str]] | None = None
    uploads: tuple[Upload, ...] = ()
    try:
        if uploading is not None and is_multipart(request):
            fields, uploads = await read_multipart(
                request.headers["content-type"],
                request.stream(),
                Limits(uploading.file_bytes, MAX_BODY_BYTES, MAX_FIELDS),
                keep_files=uploading.room is not None,
                seconds=uploading.seconds,
                room=uploading.room,
            )
        else:
            async with asyncio.timeout(BODY_SECONDS):
                async for part in request.stream():
                    body += part
                    if len(body) > MAX_BODY_BYTES:
                        raise CallerError("the body is too large", code="too_large")
    except (TimeoutError, ClientDisconnect) as error:
        raise CallerError("the body did not arrive", code="bad_form") from error
    return _call(request, request.method, body, fields, uploads)


def head_of(request: Request) -> Call:
    """Of a request whose body could not be read, for a page that says so."""
    return _call(request, "GET", b"", None, ())


def _call(
    request: Request,
    method: str,
    body: bytes,
    fields: Mapping[str, list[str]] | None,
    uploads: tuple[Upload, ...],
) -> Call:
    query = _pairs(request.scope.get("query_string", b""))
    return Call(
        method=method,
        path=request.url.path,
        parameters=dict(request.path_params),
        query={name: values[-1] for name, values in query.items()},
        headers=request.headers,
        cookies=request.cookies,
        body=body,
        fields=fields,
        uploads=uploads,
    )


def is_multipart(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0]
    return request.method == "POST" and kind.strip().lower() == MULTIPART


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


def forget_drafts(response: Response) -> None:
    """Drafts kept on this device go with the person."""
    response.headers["Clear-Site-Data"] = '"storage"'


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
