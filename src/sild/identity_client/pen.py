"""How people sign: the port to a remote signing service, and its client over the Cloud Signature Consortium's API (v2).

The service holds the key and asks the person; what is signed, when it was, and that the certificate was good then, is put together here,
to XAdES baseline B-LT in a container. Whether to believe the result is decided elsewhere, as of anybody's.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote_plus, urlencode

from sild.clock import Clock, parse_xml_datetime, system_clock, xml_datetime
from sild.errors import CallerError, PeerError, PlatformError, TrustError, Unavailable
from sild.http1 import AnyTls, Fetched, fetch
from sild.pki import (
    Certificate,
    SignatureAlgorithm,
    build_ocsp_request,
    ocsp_urls,
    read_certificate,
    verify_bytes,
)
from sild.signatures import (
    DocumentPart,
    PreparedBaseline,
    SignedDocument,
    add_evidence,
    prepare_baseline,
    stamped_bytes,
    write_signed_document,
)

__all__ = ["Asked", "Pen", "PenRefused", "RemotePen", "Signable"]

Stamp = Callable[[bytes], Awaitable[bytes]]
"""A time-stamp token (DER) over these bytes, its authority's certificate in it. Raises Unavailable."""

SHA256, ECDSA_SHA256 = "2.16.840.1.101.3.4.2.1", "1.2.840.10045.4.3.2"
ANSWER_SECONDS = 15.0
MAX_ANSWER = 256 * 1024


class PenRefused(CallerError):
    """The signing service says no: the word was too late, given before, or never."""

    code = "signature_refused"


@dataclass(frozen=True, slots=True)
class Asked:
    """address: where the person is sent.  kept: what is needed later to make the same signature whole; JSON."""

    address: str
    kept: Mapping[str, Any]


class Signable(Protocol):
    """A document. name: of the file.  media_type: `text/plain`, or JSON that a page can show.  language: of whoever signs.

    commitment: OID of what the signature is for, or nothing.
    """

    @property
    def name(self) -> str: ...

    @property
    def media_type(self) -> str: ...

    @property
    def content(self) -> bytes: ...

    @property
    def language(self) -> str: ...

    @property
    def commitment(self) -> str | None: ...


class Pen(Protocol):
    async def ask(self, person: str, document: Signable, *, state: str, code_verifier: str) -> Asked:
        """Ask for a person's signature. person: with country. Raises PenRefused, Unavailable."""
        ...

    async def redeem(self, code: str, code_verifier: str) -> str:
        """The token of a code the person brought back. Raises PenRefused, Unavailable."""
        ...

    async def sign(self, document: Signable, kept: Mapping[str, Any], token: str) -> bytes:
        """The container; done again with the same token, with the same signature in it. Raises PenRefused, TrustError, Unavailable."""
        ...


class RemotePen:
    """base: `https://login.example/csc/v2`.  redirect_uri: where the person comes back to.  stamp: of an authority that is believed."""

    def __init__(
        self,
        base: str,
        *,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        stamp: Stamp,
        tls: AnyTls | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._base = base
        self._client_id = client_id
        self._redirect_uri = redirect_uri
        self._stamp = stamp
        self._tls = tls
        self._clock = clock
        pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
        self._basic = b"Basic " + base64.b64encode(pair.encode())

    async def ask(self, person: str, document: Signable, *, state: str, code_verifier: str) -> Asked:
        listed = await self._post_json("/credentials/list", {"userID": person, "credentialInfo": True})
        try:
            (info,) = listed["credentialInfos"]
            chain = [str(one) for one in info["cert"]["certificates"]]
            credential = str(info["credentialID"])
        except (KeyError, TypeError, ValueError) as error:
            raise _nonsense() from error
        kept = {
            "credential": credential,
            "certificates": chain,
            "signing_time": xml_datetime(self._clock(), milliseconds=True),
        }
        prepared, _certificates = _prepared(document, kept)
        challenge = hashlib.sha256(code_verifier.encode()).digest()
        pushed_document = {
            "name": document.name,
            "mediaType": document.media_type,
            "content": base64.b64encode(document.content).decode(),
            "signingTime": kept["signing_time"],
        }
        if document.commitment is not None:
            pushed_document["commitmentType"] = document.commitment
        form = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "credential",
            "code_challenge": _url_safe(challenge),
            "code_challenge_method": "S256",
            "state": state,
            "credentialID": credential,
            "numSignatures": "1",
            "hashes": _url_safe(prepared.digest),
            "hashAlgorithmOID": SHA256,
            "lang": document.language,
            "documents": json.dumps([pushed_document]),
        }
        pushed = await self._post_form("/oauth2/pushed_authorize", form)
        query = urlencode({"client_id": self._client_id, "request_uri": str(pushed.get("request_uri"))})
        return Asked(f"{self._base}/oauth2/authorize?{query}", kept)

    async def redeem(self, code: str, code_verifier: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": code_verifier,
        }
        token = (await self._post_form("/oauth2/token", form)).get("access_token")
        if not isinstance(token, str):
            raise _nonsense()
        return token

    async def sign(self, document: Signable, kept: Mapping[str, Any], token: str) -> bytes:
        prepared, certificates = _prepared(document, kept)
        said = await self._post_json(
            "/signatures/signHash",
            {
                "credentialID": kept["credential"],
                "hashes": [base64.b64encode(prepared.digest).decode()],
                "hashAlgorithmOID": SHA256,
                "signAlgo": ECDSA_SHA256,
                "operationMode": "S",
            },
            authorization=f"Bearer {token}".encode(),
        )
        try:
            (value,) = said["signatures"]
            signature = base64.b64decode(value, validate=True)
        except (KeyError, TypeError, ValueError) as error:
            raise _nonsense() from error
        own = certificates[0]
        verify_bytes(own.public_key(), SignatureAlgorithm.ECDSA_SHA256, signature, prepared.to_be_signed)
        xml = prepared.complete(signature)
        stamp = await self._stamp(stamped_bytes(xml))
        status = await self._status(own, certificates[1])  # after the stamp: good then, too
        whole = add_evidence(xml, time_stamp=stamp, certificates=certificates[1:], ocsp_responses=[status])
        signed = SignedDocument(document.name, document.media_type, document.content, whole)
        return write_signed_document(signed, at=_signing_time(kept))

    async def _status(self, certificate: Certificate, issuer: Certificate) -> bytes:
        """What the authority's responder says now. Raises Unavailable."""
        urls = ocsp_urls(certificate)
        if not urls:
            raise Unavailable("the certificate names no OCSP responder", code="no_status")
        headers = [(b"Content-Type", b"application/ocsp-request")]
        answer = await self._fetched(urls[0], build_ocsp_request(certificate, issuer), headers)
        if answer.status != 200:
            raise Unavailable("the OCSP responder does not answer", code="no_status")
        return answer.body

    async def _post_json(
        self, path: str, body: Mapping[str, Any], *, authorization: bytes | None = None
    ) -> dict[str, Any]:
        headers = [(b"Content-Type", b"application/json"), (b"Authorization", authorization or self._basic)]
        return _read(await self._fetched(self._base + path, json.dumps(body).encode(), headers))

    async def _post_form(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        headers = [
            (b"Content-Type", b"application/x-www-form-urlencoded"),
            (b"Authorization", self._basic),
        ]
        return _read(await self._fetched(self._base + path, urlencode(form).encode(), headers))

    async def _fetched(self, url: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> Fetched:
        try:
            return await fetch(
                url,
                method="POST",
                body=body,
                headers=headers,
                timeout=ANSWER_SECONDS,
                max_bytes=MAX_ANSWER,
                tls=self._tls if url.startswith(self._base) else None,
            )
        except PlatformError as error:
            raise Unavailable("the signing service does not answer", code="signing_down") from error


def _prepared(document: Signable, kept: Mapping[str, Any]) -> tuple[PreparedBaseline, list[Certificate]]:
    """The same for the same values, whenever. Raises Unavailable (`signing_down`): certificates that are none."""
    try:
        certificates = [read_certificate(base64.b64decode(one)) for one in kept["certificates"]]
        part = DocumentPart(document.name, document.media_type, hashlib.sha256(document.content).digest())
        prepared = prepare_baseline(
            certificates[0], part, signing_time=_signing_time(kept), commitment=document.commitment
        )
        _ = certificates[1]
    except (PeerError, TrustError, ValueError, IndexError) as error:
        raise _nonsense() from error
    return prepared, certificates


def _signing_time(kept: Mapping[str, Any]) -> datetime:
    return parse_xml_datetime(kept["signing_time"])


def _read(answer: Fetched) -> dict[str, Any]:
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise _nonsense() from error
    if answer.status >= 500 or answer.status == 429 or not isinstance(content, dict):
        raise _nonsense()
    if answer.status >= 400:
        raise PenRefused(f"the signing service refused: {str(content.get('error', ''))[:100]}")
    return content


def _nonsense() -> Unavailable:
    return Unavailable("the signing service does not answer as it should", code="signing_down")


def _url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
