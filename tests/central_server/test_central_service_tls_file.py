"""Two that exchange the management services' key at once: one has its way, wholly, and neither fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sild.central_server.service_tls import _write
from sild.pki import CertificateProfile, issue_certificate
from support.pki import name

AT = datetime(2026, 11, 22, tzinfo=UTC)


def test_at_once(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "service.pem"
    pairs = []
    for number in range(4):
        key = ec.generate_private_key(ec.SECP256R1())
        own = name(CN=str(number))
        certificate = issue_certificate(
            CertificateProfile.TLS, subject=own, public_key=key.public_key(), issuer=own, issuer_key=key,
            issuer_public_key=key.public_key(), serial_number=1, not_before=AT, not_after=AT + timedelta(days=1),
        )  # fmt: skip
        pairs.append((key, certificate))
    with ThreadPoolExecutor(8) as threads:
        written = [threads.submit(_write, file, key, [certificate]) for key, certificate in pairs * 25]
        for each in written:
            each.result()
    data = file.read_bytes()
    key, certificate = load_pem_private_key(data, None), x509.load_pem_x509_certificate(data)
    assert key.public_key() == certificate.public_key()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["service.pem"]
