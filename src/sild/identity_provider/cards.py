"""The identity card, by Web eID or by mutual TLS: certificates of people, and their status asked of the OCSP responder."""

from __future__ import annotations

import urllib.request
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from sild.errors import CallerError, PlatformError, TrustError, Unavailable
from sild.identity_provider.sessions import LogIn
from sild.openid import (
    LevelOfAssurance,
    parse_web_eid_token,
    person_of,
    verify_person_certificate,
    verify_web_eid_token,
)
from sild.pki import (
    Certificate,
    build_ocsp_request,
    ocsp_urls,
    read_certificate,
    verify_ocsp_response,
)

__all__ = ["Cards", "CertificateStatusSource", "OCSPStatus", "read_authorities"]

TIMEOUT_SECONDS = 5.0
MAX_RESPONSE = 64 * 1024


class CertificateStatusSource(Protocol):
    """Where the status of a person's certificate is asked."""

    def verify_good(self, certificate: Certificate, issuer: Certificate, at: datetime) -> None:
        """Raises TrustError (revoked, unknown, not believable), Unavailable (no answer: nobody is let in unseen)."""
        ...


class OCSPStatus:
    """Asks the responder the certificate names, or `url`. Answers are not kept: a card reported lost stops at once."""

    def __init__(self, url: str | None = None) -> None:
        self._url = url

    def verify_good(self, certificate: Certificate, issuer: Certificate, at: datetime) -> None:
        urls = (self._url,) if self._url is not None else ocsp_urls(certificate)
        address = next((url for url in urls if url.startswith(("http://", "https://"))), None)
        if address is None:
            raise TrustError("the certificate names no OCSP responder", code="certificate_not_trusted")
        request = urllib.request.Request(  # noqa: S310  http and https alone, checked above
            address,
            data=build_ocsp_request(certificate, issuer),
            headers={"Content-Type": "application/ocsp-request"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                response = answer.read(MAX_RESPONSE)
        except (OSError, ValueError) as error:
            raise Unavailable("the OCSP responder does not answer", code="network_error") from error
        verify_ocsp_response(
            response,
            certificate=certificate,
            issuer=issuer,
            responder_certificates=(),
            ca_certificates=(issuer,),
            at=at,
            freshness=timedelta(hours=1),
        )


class Cards:
    """certificate_status None: not asked, which only a test network may do."""

    def __init__(
        self,
        origin: str,
        authorities: Sequence[Certificate],
        certificate_status: CertificateStatusSource | None,
    ) -> None:
        self._origin = origin
        self._anchors = tuple(one for one in authorities if one.subject == one.issuer) or tuple(authorities)
        self._intermediates = tuple(one for one in authorities if one.subject != one.issuer)
        self._status = certificate_status

    @property
    def accepted(self) -> bool:
        return bool(self._anchors)

    def log_in_by_token(self, token: bytes, nonce: str, at: datetime) -> LogIn:
        """A Web eID token answering `nonce`. Raises PeerError, TrustError, Unavailable."""
        person, path = verify_web_eid_token(
            parse_web_eid_token(token),
            origin=self._origin,
            nonce=nonce,
            anchors=self._anchors,
            intermediates=self._intermediates,
            at=at,
        )
        self._check_status(path, at)
        return LogIn(person, LevelOfAssurance.HIGH, "idcard")

    def log_in_by_certificate(self, certificate: Certificate, at: datetime) -> LogIn:
        """The certificate of a TLS connection, whose key TLS proved. Raises TrustError, Unavailable."""
        path = verify_person_certificate(
            certificate, anchors=self._anchors, intermediates=self._intermediates, at=at
        )
        self._check_status(path, at)
        return LogIn(person_of(certificate), LevelOfAssurance.HIGH, "tls")

    def _check_status(self, path: tuple[Certificate, ...], at: datetime) -> None:
        if self._status is None:
            return
        try:
            self._status.verify_good(path[0], path[1], at)
        except Unavailable:
            raise
        except PlatformError as error:
            raise TrustError("the certificate is not good", code="certificate_not_good") from error


def read_authorities(files: Sequence[Path]) -> tuple[Certificate, ...]:
    """One certificate a file, PEM or DER. Raises CallerError."""
    try:
        return tuple(read_certificate(file.read_bytes()) for file in files)
    except OSError as error:
        raise CallerError(f"{error.filename}: {error.strerror}") from error
