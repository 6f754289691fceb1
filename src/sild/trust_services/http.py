"""The trust services over HTTP (COMPAT I14). `ROUTES` is the table of endpoints and who may call them.

Whatever is wrong with an OCSP or time-stamp request is told in the protocol's own words under status 200, as RFC 6960
A.2 and RFC 3161 3.4 have it; HTTP's own errors are left to HTTP: an unknown path, a body that does not arrive.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sild.errors import CallerError, PlatformError, Unavailable
from sild.pki import (
    Certificate,
    CertificateProfile,
    OCSPError,
    PKIFailureInfo,
    der,
    ocsp_error,
    timestamp_refusal,
)
from sild.telemetry import get_logger
from sild.trust_services.acme_http import acme_routes
from sild.trust_services.errors import CertificateNotFound
from sild.trust_services.form import parse_form

if TYPE_CHECKING:
    from sild.trust_services.services import TrustServices

__all__ = ["ROUTES", "Access", "trust_app"]

log = get_logger("trust_services")

MAX_BODY_BYTES = 64 * 1024
MAX_GET_CHARACTERS = 8 * 1024
BODY_SECONDS = 10.0
PROFILES = {
    "sign": CertificateProfile.SIGN,
    "auth": CertificateProfile.AUTH,
    "tls": CertificateProfile.TLS,
}
FORM = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Test CA</title></head><body>
<h1>Test CA: certificate signing</h1>
<form method="post" enctype="multipart/form-data" action="sign">
<p><label>Certificate request <input name="certreq" type="file" required></label></p>
<p><label><input type="radio" name="type" value="sign"> sign</label>
<label><input type="radio" name="type" value="auth"> auth</label>
<label><input type="radio" name="type" value="auto" checked> by the file's name</label></p>
<p><input type="submit" value="Sign"></p>
</form></body></html>
"""

Handler = Callable[["TrustHttp", Request], Awaitable[Response]]


class Access:
    """Who may call an endpoint."""

    EVERYBODY = "everybody"
    FORM = "everybody, where the signing form is switched on; else nobody"
    KEY = "holders of an API key"


class _TooLarge(Exception):
    pass


@dataclass(frozen=True, slots=True)
class TrustHttp:
    services: TrustServices

    async def ocsp_post(self, request: Request) -> Response:
        try:
            body = await _body(request)
        except _TooLarge:
            return _ocsp(ocsp_error(OCSPError.MALFORMED_REQUEST))
        return await self._ocsp_answer(body)

    async def ocsp_get(self, request: Request) -> Response:
        """RFC 6960 A.1: the request's base64, URL-encoded, as the rest of the path; some clients leave slashes raw."""
        raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
        text = unquote_to_bytes(raw.partition(b"/ocsp/")[2])
        try:
            if len(text) > MAX_GET_CHARACTERS:
                raise ValueError("too long")
            body = base64.b64decode(text.replace(b" ", b"+"), validate=True)
        except (ValueError, binascii.Error):
            return _ocsp(ocsp_error(OCSPError.MALFORMED_REQUEST))
        return await self._ocsp_answer(body)

    async def _ocsp_answer(self, body: bytes) -> Response:
        try:
            return _ocsp(await run_in_threadpool(self.services.answer_ocsp, body))
        except Exception as error:  # noqa: BLE001  the protocol has a word for a bug, too
            log.bug("trust_services.ocsp_failed", error)
            return _ocsp(ocsp_error(OCSPError.INTERNAL_ERROR))

    async def timestamp(self, request: Request) -> Response:
        try:
            body = await _body(request)
        except _TooLarge:
            return _timestamp(timestamp_refusal(PKIFailureInfo.BAD_DATA_FORMAT, "the request is too large"))
        try:
            return _timestamp(await run_in_threadpool(self.services.answer_timestamp, body))
        except Exception as error:  # noqa: BLE001  the protocol has a word for a bug, too
            log.bug("trust_services.timestamp_failed", error)
            return _timestamp(timestamp_refusal(PKIFailureInfo.SYSTEM_FAILURE, "internal error"))

    async def form(self, _request: Request) -> Response:
        return (
            HTMLResponse(FORM)
            if self.services.options.signing_form
            else _refused(404, "the signing form is switched off")
        )

    async def sign_form(self, request: Request) -> Response:
        """As X-Road's test CA: file `certreq`, and `type` sign, auth or auto (by the file's name); the answer is PEM."""
        if not self.services.options.signing_form:
            return _refused(404, "the signing form is switched off")
        fields = {
            field.name: field
            for field in parse_form(request.headers.get("content-type", ""), await _body(request))
        }
        wanted = fields.get("certreq")
        if wanted is None or not wanted.file_name:
            raise CallerError("the file certreq is missing")
        kind = fields["type"].data if "type" in fields else b"auto"
        if kind == b"auto":
            kind = b"sign" if "sign" in wanted.file_name else b"auth"
        profile = CertificateProfile.SIGN if kind == b"sign" else CertificateProfile.AUTH
        issued = await run_in_threadpool(
            partial(self.services.issue, wanted.data, profile, actor="signing form")
        )
        return _pem(issued, file_name=_certificate_name(wanted.file_name))

    async def issue(self, request: Request) -> Response:
        """POST a request (DER or PEM) to /certificates/sign, /auth or /tls; 201 and PEM."""
        holder = self._holder(request, for_seals=True)
        if holder is None:
            return _unauthorised()
        profile = PROFILES.get(request.path_params["profile"])
        if profile is None:
            return _refused(404, "no such profile")
        asked, of = await _body(request), self.services.options.seal_bodies.get(holder)
        for_person = holder in self.services.options.person_holders
        issued = await run_in_threadpool(
            partial(self.services.issue, asked, profile, actor=holder, body=of, for_person=for_person)
        )
        return _pem(issued, status=201)

    async def revoke(self, request: Request) -> Response:
        """PUT /certificates/<serial number, hexadecimal>/revocation with `{"reason": "keyCompromise"}` or nothing."""
        holder = self._holder(request)
        if holder is None:
            return _unauthorised()
        reason = _reason(await _body(request))
        serial = request.path_params["serial"]
        if not re.fullmatch(r"[0-9a-fA-F]{1,40}", serial):
            raise CertificateNotFound("no such certificate was issued here")
        revoked = await run_in_threadpool(
            partial(self.services.revoke, int(serial, 16), reason, actor=holder)
        )
        return JSONResponse(
            {
                "serial_number": f"{int(serial, 16):x}",
                "revoked_at": revoked.at.isoformat().replace("+00:00", "Z"),
                "reason": None if revoked.reason is None else revoked.reason.value,
            }
        )

    async def add_external_account(self, request: Request) -> Response:
        """POST `{"holder": "...", "subject": {"serialNumber": "..."} or null, "profiles": [...], "names": [...]}`."""
        holder, acme = self._holder(request), self.services.acme
        if holder is None or acme is None:
            return _unauthorised() if holder is None else _refused(404, "ACME is switched off")
        said = _external_account(await _body(request))
        key = await run_in_threadpool(partial(acme.add_external_account, actor=holder, **said))
        return JSONResponse({"kid": key.kid, "mac_key": key.mac_key}, 201, {"cache-control": "no-store"})

    async def remove_external_account(self, request: Request) -> Response:
        holder, acme = self._holder(request), self.services.acme
        if holder is None or acme is None:
            return _unauthorised() if holder is None else _refused(404, "ACME is switched off")
        kid = request.path_params["kid"]
        if not await run_in_threadpool(partial(acme.remove_external_account, kid, actor=holder)):
            return _refused(404, "no such external account")
        return Response(status_code=204)

    async def own_certificate(self, request: Request) -> Response:
        own = {
            "ca": self.services.ca_certificate,
            "ocsp": self.services.ocsp_certificate,
            "tsa": self.services.tsa_certificate,
        }
        name, _, form = request.path_params["name"].partition(".")
        if name not in own or form not in ("pem", "der"):
            return _refused(404, "ca, ocsp or tsa, as .pem or .der")
        if form == "der":
            return Response(der(own[name]), media_type="application/pkix-cert")
        return _pem(own[name])

    def _holder(self, request: Request, *, for_seals: bool = False) -> str | None:
        """Whose API key stands in `Authorization: Bearer`; every key is compared, in constant time.

        for_seals: also one that is for the seals of a body, or for signing keys of people, alone.
        """
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        digest = hashlib.sha256(key.strip().encode()).digest()
        found = None
        for holder, expected in self.services.options.api_keys.items():
            if hmac.compare_digest(digest, expected) and scheme.lower() == "bearer":
                found = holder
        narrow = {*self.services.options.seal_bodies, *self.services.options.person_holders}
        return found if for_seals or found not in narrow else None


ROUTES: tuple[tuple[str, str, Handler, str], ...] = (
    ("POST", "/ocsp", TrustHttp.ocsp_post, Access.EVERYBODY),
    ("GET", "/ocsp/{request:path}", TrustHttp.ocsp_get, Access.EVERYBODY),
    ("POST", "/tsa", TrustHttp.timestamp, Access.EVERYBODY),
    ("GET", "/services/{name}", TrustHttp.own_certificate, Access.EVERYBODY),
    ("GET", "/testca/", TrustHttp.form, Access.FORM),
    ("POST", "/testca/sign", TrustHttp.sign_form, Access.FORM),
    ("POST", "/certificates/{profile}", TrustHttp.issue, Access.KEY),
    ("PUT", "/certificates/{serial}/revocation", TrustHttp.revoke, Access.KEY),
    ("POST", "/external-accounts", TrustHttp.add_external_account, Access.KEY),
    ("DELETE", "/external-accounts/{kid}", TrustHttp.remove_external_account, Access.KEY),
)
"""Method, path, handler, who may call."""


def trust_app(services: TrustServices) -> Starlette:
    """The application over `services`; its options say who may issue and revoke."""
    http = TrustHttp(services)
    routes = [Route(path, _guarded(handler, http), methods=[method]) for method, path, handler, _ in ROUTES]
    if services.acme is not None:
        routes += acme_routes(services.acme, _body, _TooLarge)
    return Starlette(routes=routes)


def _guarded(handler: Handler, http: TrustHttp) -> Callable[[Request], Awaitable[Response]]:
    """What HTTP says where the protocol has no words of its own."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handler(http, request)
        except CertificateNotFound as error:
            return _refused(404, error.message)
        except CallerError as error:
            log.refusal("trust_services.refused", error, path=request.url.path)
            return _refused(400, error.message)
        except Unavailable as error:
            log.refusal("trust_services.unavailable", error, path=request.url.path)
            return _refused(503, "try later")
        except _TooLarge:
            return _refused(413, "the body is too large")
        except (TimeoutError, ClientDisconnect):
            return _refused(408, "the body did not arrive")
        except PlatformError as error:
            log.refusal("trust_services.failed", error, path=request.url.path)
            return _refused(500, "internal error")

    return endpoint


async def _body(request: Request) -> bytes:
    """The whole body. Raises _TooLarge at once when it is announced or grows too large, TimeoutError when it dawdles."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        raise _TooLarge
    parts: list[bytes] = []
    size = 0
    async with asyncio.timeout(BODY_SECONDS):
        async for part in request.stream():
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise _TooLarge
            parts.append(part)
    return b"".join(parts)


class _ExternalAccount(TypedDict):
    holder: str
    subject: dict[str, str] | None
    profiles: list[CertificateProfile]
    names: list[str]


def _external_account(body: bytes) -> _ExternalAccount:
    try:
        said = json.loads(body)
        subject = said["subject"]
        wanted = _ExternalAccount(
            holder=said["holder"],
            subject=None if subject is None else dict(subject),
            profiles=[PROFILES[name] for name in said.get("profiles", ["sign", "auth"])],
            names=list(said.get("names", [])),
        )
        texts = [wanted["holder"], *wanted["names"], *(wanted["subject"] or {}).values()]
        if (
            not all(isinstance(text, str) and text for text in texts)
            or said.keys() > _ExternalAccount.__annotations__.keys()
        ):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CallerError(
            "the body must be JSON: holder, subject or null, perhaps profiles and names"
        ) from error
    return wanted


def _reason(body: bytes) -> x509.ReasonFlags | None:
    if not body.strip():
        return None
    try:
        said = json.loads(body)
        reason = said["reason"]
        return None if reason is None else x509.ReasonFlags(reason)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CallerError("the body must be JSON with a reason of RFC 5280, 5.3.1, or empty") from error


def _certificate_name(request_name: str) -> str:
    """What the test CA calls the answer: `x_csr_y.der` gives `x_crt_y.pem`."""
    stem = PurePosixPath(request_name.replace("\\", "/")).stem.replace("_csr_", "_crt_")
    return (re.sub(r"[^A-Za-z0-9._-]", "_", stem)[:100] or "certificate") + ".pem"


def _pem(certificate: Certificate, *, status: int = 200, file_name: str | None = None) -> Response:
    data = certificate.public_bytes(Encoding.PEM)
    if file_name is None:
        return Response(data, status, media_type="application/x-pem-file")
    disposition = {"content-disposition": f'attachment; filename="{file_name}"'}
    return Response(data, status, disposition, "application/octet-stream")


def _ocsp(data: bytes) -> Response:
    return Response(data, headers={"cache-control": "no-cache"}, media_type="application/ocsp-response")


def _timestamp(data: bytes) -> Response:
    return Response(data, headers={"cache-control": "no-store"}, media_type="application/timestamp-reply")


def _refused(status: int, text: str) -> Response:
    return PlainTextResponse(text + "\n", status)


def _unauthorised() -> Response:
    return PlainTextResponse("an API key is needed\n", 401, {"www-authenticate": "Bearer"})
