"""A signer's surroundings: a token, a CA with OCSP over HTTP, a clock that stands still until it is set."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from sild.database import sqlite_url
from sild.http1 import fetch
from sild.pki import CertificateProfile, issue_certificate
from sild.signatures import SignedPart, parse_signature, verify_hash_chain, verify_signature
from sild.signer import (
    CertificateInfo,
    CertificateStatus,
    KeyAlgorithm,
    KeyUsage,
    SignedMessage,
    Signer,
    SoftwareToken,
    Token,
)
from sild.xroad.globalconf import GlobalConf
from support.pki import name
from support.trust import TrustServices, member

PIN = "Secret1234"
MEMBER = member("1234")


def part(name: str, data: bytes) -> SignedPart:
    return SignedPart(name, hashlib.sha512(data).digest())


MESSAGE = part("/message.xml", b"GET\r\n/r1/DEV/COM/4321/Service/pets\r\n")
BODY = part("/attachment1", b"body")


def verify(signed: SignedMessage, *parts: SignedPart) -> None:
    """As the receiver does: signature, then hash chain. Raises PeerError, TrustError."""
    signature = parse_signature(signed.signature, strict_schema=True)
    if signed.hash_chain_result is None or signed.hash_chain is None:
        verify_signature(signature, parts={part.uri: part for part in parts})
        return
    verify_signature(signature, parts={"/sig-hashchainresult.xml": signed.hash_chain_result})
    verify_hash_chain(
        signed.hash_chain_result,
        files={"/sig-hashchain.xml": signed.hash_chain},
        inputs={part.uri: part for part in parts},
    )


@dataclass
class SignerWorld:
    directory: Path
    trust: TrustServices
    token: SoftwareToken
    now: datetime
    globalconf: GlobalConf | None

    def clock(self) -> datetime:
        return self.now

    def open_signer(self, *tokens: Token, pss: bool = False) -> Signer:
        return Signer(
            tokens or [self.token],
            sqlite_url(self.directory / "signer.db"),
            globalconf=lambda: self.globalconf,
            fetch=fetch,
            clock=self.clock,
            pss=pss,
        )

    async def certify(
        self,
        signer: Signer,
        usage: KeyUsage = KeyUsage.SIGNING,
        *,
        code: str = "1234",
        algorithm: KeyAlgorithm = KeyAlgorithm.EC_P256,
        status: CertificateStatus = CertificateStatus.REGISTERED,
        is_active: bool = True,
        not_after: datetime | None = None,
    ) -> CertificateInfo:
        """The whole way: key, request, certificate from the CA, import."""
        key = await self.token.generate_key(algorithm, f"{usage.value} {code}")
        subject = name(C="FI", O=f"Member {code}", CN=code, SERIALNUMBER="DEV/SS0/COM")
        request = await signer.keyring.request_certificate(key.key_id, usage, member(code), subject)
        parsed = x509.load_der_x509_csr(request)
        assert parsed.is_signature_valid
        ca = self.trust.pki.ca
        certificate = issue_certificate(
            CertificateProfile.SIGN if usage is KeyUsage.SIGNING else CertificateProfile.AUTH,
            subject=parsed.subject,
            public_key=key.public_key,
            issuer=ca.certificate.subject,
            issuer_key=ca.key,
            issuer_public_key=ca.key.public_key(),
            serial_number=x509.random_serial_number(),
            not_before=self.now - timedelta(days=1),
            not_after=not_after or self.now + timedelta(days=365),
        )
        return await signer.keyring.import_certificate(certificate, status=status, is_active=is_active)
