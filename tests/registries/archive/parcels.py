"""Packages as a register hands them in, and tars as nobody should."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sild.decisions import KeySealer
from sild.documents import Described, Happened, act_package, canonical_json, seal_statement
from sild.pki import Certificate, CertificateProfile, issue_certificate
from sild.registries.deciding.body import Certify, open_seal
from sild.registries.kernel import Usage

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SENDER = "SILD/GOV/70000002"
CHILD, MOTHER = "62603010039", "48901010015"
ID = "uuid-019cadc6-9a80-7e40-9a35-f0ec7c361cc9"
METS = f"{ID}/METS.xml"


class Authority:
    """Certifies seals of bodies."""

    def __init__(self, valid: timedelta = timedelta(days=365)) -> None:
        self.valid = valid
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.root = self._issue(CertificateProfile.ROOT_CA, self.name, self.key.public_key())

    def __call__(self, request: bytes) -> Sequence[Certificate]:
        read = x509.load_der_x509_csr(request)
        return [self._issue(CertificateProfile.SIGN, read.subject, read.public_key()), self.root]

    def _issue(self, profile: CertificateProfile, subject: x509.Name, key: Any) -> Certificate:
        return issue_certificate(
            profile,
            subject=subject,
            public_key=key,
            issuer=self.name,
            issuer_key=self.key,
            issuer_public_key=self.key.public_key(),
            serial_number=x509.random_serial_number(),
            not_before=AT - timedelta(days=1),
            not_after=AT + self.valid,
        )


def sealer(directory: Path, body: str = SENDER, certify: Certify | None = None) -> KeySealer:
    return open_seal(directory / body.replace("/", "-"), "acts", body, name=body, at=AT, certify=certify)


def usage(message_id: str = "m-1", client: str = f"{SENDER}/population") -> Usage:
    return Usage(client, message_id, user_id="automatic", issue="case-7", basis="RRS § 17")


def act(**changed: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "kind": "birth-registration",
        "country": "EE",
        "case": "case-7",
        "decision": None,
        "registered_at": AT.isoformat(),
        "child": {"code": CHILD, "given_names": "Mari"},
        "persons": [CHILD, MOTHER],
    }
    return {**values, **changed}


def package(
    directory: Path,
    content: Mapping[str, Any] | None = None,
    *,
    seal: bytes | None = None,
    decision: bytes | None = None,
    **changed: Any,
) -> bytes:
    content = content or act()
    values = {
        "id": ID,
        "kind": "birth-registration",
        "label": "Registration of a birth",
        "created_at": AT,
        "submitter": SENDER,
        "archive": "SILD/GOV/70000008",
    }
    about = Described(**{**values, **changed})
    seal = seal or seal_statement(canonical_json(content), sealer(directory))
    return act_package(about, content, seal, decision, [Happened("creation", AT, "entered")])


def members(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {one.name: (held.read() if (held := tar.extractfile(one)) else b"") for one in tar}


def tar_of(files: Mapping[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, held in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(held)
            tar.addfile(entry, io.BytesIO(held))
        for entry in extra:
            tar.addfile(entry, io.BytesIO(b"x" * entry.size))
    return made.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made
