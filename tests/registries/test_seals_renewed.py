"""A body's seal gets a new key before its certificate ends, or when an authority certifies it at last; what the old one sealed holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sild.errors import Unavailable
from sild.pki import Certificate, CertificateProfile, issue_certificate
from sild.registries.deciding import open_seal

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
AUTHORITY = "SILD/GOV/70000005"


class Authority:
    """Certifies for a year, unless it is down."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.at, self.is_down, self.issued = AT, False, 0

    def __call__(self, request: bytes) -> Sequence[Certificate]:
        if self.is_down:
            raise Unavailable("the authority does not answer", code="network_error")
        self.issued += 1
        read = x509.load_der_x509_csr(request)
        return [
            issue_certificate(
                CertificateProfile.SIGN,
                subject=read.subject,
                public_key=read.public_key(),  # type: ignore[arg-type]  # the one of `open_seal`
                issuer=self.name,
                issuer_key=self.key,
                issuer_public_key=self.key.public_key(),
                serial_number=self.issued,
                not_before=self.at,
                not_after=self.at + timedelta(days=365),
            )
        ]


def test_a_seal_is_renewed_before_its_certificate_ends(tmp_path: Path) -> None:
    authority = Authority()

    def seal(days: int) -> Certificate:
        authority.at = AT + timedelta(days=days)
        return open_seal(
            tmp_path, "decisions", AUTHORITY, name="Municipality", at=authority.at, certify=authority
        ).chain[0]

    first = seal(0)
    assert seal(1) == seal(300) == first
    renewed = seal(340)
    assert (
        renewed != first and renewed.subject == first.subject and renewed.public_key() != first.public_key()
    )
    assert seal(341) == renewed and authority.issued == 2


def test_while_the_authority_is_down_the_old_one_serves_until_it_ends(tmp_path: Path) -> None:
    authority = Authority()
    given = {"name": "Municipality", "certify": authority}
    first = open_seal(tmp_path, "decisions", AUTHORITY, at=AT, **given)  # type: ignore[arg-type]
    authority.is_down = True
    late = AT + timedelta(days=350)
    assert open_seal(tmp_path, "decisions", AUTHORITY, at=late, **given).chain == first.chain  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        open_seal(tmp_path, "decisions", AUTHORITY, at=AT + timedelta(days=366), **given)  # type: ignore[arg-type]


def test_a_seal_that_certified_itself_is_certified_when_somebody_can(tmp_path: Path) -> None:
    itself = open_seal(tmp_path, "decisions", AUTHORITY, name="Municipality", at=AT)
    assert itself.chain[0].issuer == itself.chain[0].subject
    assert open_seal(tmp_path, "decisions", AUTHORITY, name="Municipality", at=AT).chain == itself.chain
    authority = Authority()
    certified = open_seal(tmp_path, "decisions", AUTHORITY, name="Municipality", at=AT, certify=authority)
    assert certified.chain[0].issuer == authority.name


def test_a_file_taken_away_means_a_new_key(tmp_path: Path) -> None:
    first = open_seal(tmp_path, "decisions", AUTHORITY, name="Municipality", at=AT)
    (tmp_path / "decisions-seal.pem").unlink()
    assert open_seal(tmp_path, "decisions", AUTHORITY, name="Municipality", at=AT).chain != first.chain
