"""A public key infrastructure in memory: certification authority, OCSP responder and time-stamping authority.

    pki = Pki()                                    # EC P-256; Pki("rsa-2048") for the other kind
    member = pki.sign_credential("DEV", "COM", "1234")
    pki.ocsp_response(member.certificate)          # good, as of NOW
    pki.ocsp_response(member.certificate, status="revoked")

Import it as `from support.pki import Pki`. Certificates are valid 2020-2050, so tests may use NOW or the real time.
Keys are made once per session and name: two `Pki` share them, two members of one `Pki` do not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sild.pki import (
    Certificate,
    CertificateProfile,
    CertificateStatus,
    DigestAlgorithm,
    Good,
    OCSPResponder,
    PrivateKey,
    Revoked,
    TimeStampAuthority,
    Unknown,
    build_ocsp_request,
    build_timestamp_request,
    issue_certificate,
    parse_timestamp_response,
)

KeyKind = Literal["ec-p256", "ec-p384", "rsa-2048"]

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
TSA_POLICY = "1.3.6.1.4.1.99999.1"
NOT_BEFORE = datetime(2020, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(2050, 1, 1, tzinfo=UTC)


@cache
def private_key(kind: KeyKind, name: str) -> PrivateKey:
    """One key per kind and name: RSA keys, slow to make, for the whole session, others the same in every process."""
    if kind == "rsa-2048":
        return rsa.generate_private_key(65537, 2048)
    secret = int.from_bytes(hashlib.sha512(f"{kind}/{name}".encode()).digest()[:31])
    return ec.derive_private_key(secret, ec.SECP256R1() if kind == "ec-p256" else ec.SECP384R1())


def name(**parts: str) -> x509.Name:
    """name(C="FI", O="Test", CN="1234", SERIALNUMBER="DEV/SS0/COM"), in the order given."""
    oids = {
        "C": NameOID.COUNTRY_NAME,
        "O": NameOID.ORGANIZATION_NAME,
        "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
        "CN": NameOID.COMMON_NAME,
        "SERIALNUMBER": NameOID.SERIAL_NUMBER,
        "BUSINESSCATEGORY": NameOID.BUSINESS_CATEGORY,
        "GN": NameOID.GIVEN_NAME,
        "SN": NameOID.SURNAME,
    }
    return x509.Name([x509.NameAttribute(oids[kind], value) for kind, value in parts.items()])


@dataclass(frozen=True)
class Credential:
    """A certificate, its key and what stands between it and the root, nearest first."""

    certificate: Certificate
    key: PrivateKey
    chain: tuple[Certificate, ...] = ()


class Pki:
    def __init__(self, kind: KeyKind = "ec-p256", *, common_name: str = "Test CA") -> None:
        self.kind: KeyKind = kind
        self._serial = 1
        self._prefix = f"{common_name}/"
        key = private_key(kind, self._prefix + "ca")
        subject = name(O="Test", CN=common_name)
        self.ca = Credential(self._certificate(CertificateProfile.ROOT_CA, subject, key, None), key)
        self.ocsp = self.issue(CertificateProfile.OCSP_RESPONDER, name(O="Test", CN=f"{common_name} OCSP"))
        self.tsa = self.issue(
            CertificateProfile.TIMESTAMPING_AUTHORITY, name(O="Test", CN=f"{common_name} TSA")
        )

    def _certificate(
        self,
        profile: CertificateProfile,
        subject: x509.Name,
        key: PrivateKey,
        issuer: Credential | None,
        *,
        not_before: datetime = NOT_BEFORE,
        not_after: datetime = NOT_AFTER,
        serial_number: int | None = None,
        dns_names: Sequence[str] = (),
        ocsp_url: str | None = None,
    ) -> Certificate:
        self._serial += 1
        issuer_key = key if issuer is None else issuer.key
        return issue_certificate(
            profile,
            subject=subject,
            public_key=key.public_key(),
            issuer=subject if issuer is None else issuer.certificate.subject,
            issuer_key=issuer_key,
            issuer_public_key=issuer_key.public_key(),
            serial_number=self._serial if serial_number is None else serial_number,
            not_before=not_before,
            not_after=not_after,
            dns_names=dns_names,
            ocsp_url=ocsp_url,
        )

    def issue(
        self,
        profile: CertificateProfile,
        subject: x509.Name,
        *,
        key: PrivateKey | None = None,
        kind: KeyKind | None = None,
        issuer: Credential | None = None,
        not_before: datetime = NOT_BEFORE,
        not_after: datetime = NOT_AFTER,
        serial_number: int | None = None,
        dns_names: Sequence[str] = (),
        ocsp_url: str | None = None,
    ) -> Credential:
        """A certificate of `profile`, by the root unless `issuer` says otherwise; key by the subject's text."""
        issuer = issuer or self.ca
        key = key or private_key(
            kind or self.kind, f"{self._prefix}{profile.name}/{subject.rfc4514_string()}"
        )
        certificate = self._certificate(
            profile,
            subject,
            key,
            issuer,
            not_before=not_before,
            not_after=not_after,
            serial_number=serial_number,
            dns_names=dns_names,
            ocsp_url=ocsp_url,
        )
        return Credential(certificate, key, (issuer.certificate, *issuer.chain))

    def intermediate(self, common_name: str = "Test intermediate CA") -> Credential:
        return self.issue(CertificateProfile.INTERMEDIATE_CA, name(O="Test", CN=common_name))

    def sign_credential(
        self,
        instance: str = "DEV",
        member_class: str = "COM",
        member_code: str = "1234",
        *,
        server_code: str = "SS0",
        issuer: Credential | None = None,
        not_before: datetime = NOT_BEFORE,
        not_after: datetime = NOT_AFTER,
    ) -> Credential:
        """A member's sign certificate; subject after FiVRKCertificateProfileInfoProvider (WIRE 12)."""
        subject = name(
            C="FI",
            O=f"Member {member_code}",
            CN=member_code,
            SERIALNUMBER=f"{instance}/{server_code}/{member_class}",
        )
        return self.issue(
            CertificateProfile.SIGN, subject, issuer=issuer, not_before=not_before, not_after=not_after
        )

    def auth_credential(
        self,
        instance: str = "DEV",
        member_class: str = "COM",
        member_code: str = "1234",
        server_code: str = "SS0",
        *,
        issuer: Credential | None = None,
        dns_names: Sequence[str] = ("localhost",),
        not_before: datetime = NOT_BEFORE,
        not_after: datetime = NOT_AFTER,
    ) -> Credential:
        """A security server's auth certificate."""
        subject = name(
            C="FI",
            O=f"Member {member_code}",
            CN="localhost",
            SERIALNUMBER=f"{instance}/{server_code}/{member_class}",
        )
        return self.issue(
            CertificateProfile.AUTH,
            subject,
            issuer=issuer,
            dns_names=dns_names,
            not_before=not_before,
            not_after=not_after,
        )

    def tls_credential(
        self, common_name: str = "localhost", dns_names: Sequence[str] = ("localhost", "127.0.0.1")
    ) -> Credential:
        return self.issue(CertificateProfile.TLS, name(CN=common_name), dns_names=dns_names)

    def ocsp_response(
        self,
        certificate: Certificate,
        *,
        issuer: Credential | None = None,
        status: Literal["good", "revoked", "unknown"] = "good",
        at: datetime = NOW,
        validity: timedelta | None = timedelta(hours=1),
        responder: Credential | None = None,
    ) -> bytes:
        """A DER response about `certificate`: thisUpdate `at`, nextUpdate `at` + `validity` (None: absent).

        Stale: an `at` long ago. For another certificate: pass that one. By a stranger: pass another `responder`.
        """
        issuer = issuer or self.ca
        responder = responder or self.ocsp
        statuses: dict[str, CertificateStatus] = {
            "good": Good(),
            "revoked": Revoked(at),
            "unknown": Unknown(),
        }
        return OCSPResponder(responder.certificate, responder.key, issuer.certificate).answer(
            build_ocsp_request(certificate, issuer.certificate),
            at=at,
            status_of=lambda _serial: statuses[status],
            validity=validity,
        )

    @property
    def time_stamp_authority(self) -> TimeStampAuthority:
        return TimeStampAuthority(self.tsa.certificate, self.tsa.key, TSA_POLICY)

    def timestamp(
        self,
        data: bytes,
        *,
        at: datetime = NOW,
        algorithm: DigestAlgorithm = DigestAlgorithm.SHA512,
        serial_number: int = 1,
    ) -> bytes:
        """A TimeStampToken (DER) over `data`, the TSA's certificate in it, as X-Road stores it."""
        request = build_timestamp_request(algorithm.digest(data), algorithm, cert_req=True)
        answer = self.time_stamp_authority.answer(request, at=at, serial_number=serial_number)
        return parse_timestamp_response(answer)
