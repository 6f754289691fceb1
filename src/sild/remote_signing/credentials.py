"""A person's signing key and its certificate: P-256, made at first use, kept under the service's password.

The certificate is for signatures alone and names its holder as ETSI EN 319 412-1 5.1.3 writes it. It is used until a day before it ends;
then there is a new key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from cryptography.x509.oid import NameOID
from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from sild.errors import TrustError, Unavailable
from sild.openid import OpenIDError, Person
from sild.pki import Certificate, encrypt_key, natural_person, person_number
from sild.remote_signing.store import Change, Store
from sild.remote_signing.tables import credential

__all__ = ["Certify", "Credential", "Credentials"]

Certify = Callable[[bytes], Sequence[Certificate]]
"""PKCS#10 (DER) to the certificate and those above it. Blocks; raises Unavailable."""

KDF_ROUNDS = 100_000
RENEWED_BEFORE = timedelta(days=1)
MOST_COMMON_NAME = 64  # X.520


@dataclass(frozen=True, slots=True)
class Credential:
    """certificates: the holder's own first."""

    id: str
    subject: str
    certificates: tuple[Certificate, ...]


class Credentials:
    def __init__(self, store: Store, password: str, certify: Certify) -> None:
        self._store = store
        self._password = password.encode()
        self._certify = certify

    def of(self, person: Person) -> Credential:
        """The person's own, made now if there is none. Raises Unavailable: nobody certifies it."""
        with self._store.change() as change:
            row = change.connection.execute(_living(person.subject)).one_or_none()
        if row is not None and row.not_after - RENEWED_BEFORE > self._store.clock():
            return _credential(row)
        return self._made(person)

    def find(self, change: Change, credential_id: str) -> Credential:
        """Raises OpenIDError (`invalid_request`)."""
        row = change.connection.execute(
            select(credential).where(credential.c.id == credential_id)
        ).one_or_none()
        if row is None:
            raise OpenIDError("credentialID is not known", code="invalid_request")
        return _credential(row)

    def sign(self, credential_id: str, digest: bytes) -> bytes:
        """ECDSA over what has this SHA-256; DER. Raises TrustError (`key_unreadable`)."""
        with self._store.change() as change:
            data = change.connection.scalar(select(credential.c.key).where(credential.c.id == credential_id))
        try:
            key, _certificate, _others = pkcs12.load_key_and_certificates(data or b"", self._password)
        except ValueError as error:
            raise TrustError(
                "a person's key cannot be read with this password", code="key_unreadable"
            ) from error
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))

    def _made(self, person: Person) -> Credential:
        key = ec.generate_private_key(ec.SECP256R1())
        certificates = tuple(self._certify(_request(key, person)))
        _ensure_is_ours(certificates, key, person)
        row = {
            "id": str(uuid4()),
            "subject": person.subject,
            "live": person.subject,
            "key": encrypt_key(key, self._password, rounds=KDF_ROUNDS, name=person.subject),
            "certificates": "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates),
            "not_after": certificates[0].not_valid_after_utc,
        }
        with self._store.change() as change:
            ending = change.at + RENEWED_BEFORE
            over = (credential.c.live == person.subject) & (credential.c.not_after <= ending)
            change.connection.execute(update(credential).where(over).values(live=None))
            try:
                with change.connection.begin_nested():
                    change.connection.execute(insert(credential).values(**row, created_at=change.at))
                change.audit("make_credential", person.subject, None, credential=str(row["id"]))
            except IntegrityError:
                pass  # another request made one at the same moment: its key is the person's
            return _credential(change.connection.execute(_living(person.subject)).one())


def _living(subject: str) -> Any:  # a query
    return select(credential).where(credential.c.live == subject)


def _credential(row: Row[Any]) -> Credential:
    chain = x509.load_pem_x509_certificates(row.certificates.encode())
    return Credential(row.id, row.subject, tuple(chain))


def _request(key: ec.EllipticCurvePrivateKey, person: Person) -> bytes:
    given, family = person.given_name.strip(), person.family_name.strip()
    common = ",".join(part for part in (family, given, person.subject[2:]) if part)[-MOST_COMMON_NAME:]
    names = {
        NameOID.COUNTRY_NAME: person.subject[:2],
        NameOID.COMMON_NAME: common,
        NameOID.SURNAME: family,
        NameOID.GIVEN_NAME: given,
        NameOID.SERIAL_NUMBER: person_number(person.subject),
    }
    subject = x509.Name([x509.NameAttribute(kind, value) for kind, value in names.items() if value])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _ensure_is_ours(
    certificates: Sequence[Certificate], key: ec.EllipticCurvePrivateKey, person: Person
) -> None:
    """The authority gave what was asked for. Raises Unavailable (`not_certified`)."""
    first = certificates[0] if certificates else None
    if (
        first is None
        or first.public_key() != key.public_key()
        or natural_person(first.subject) != person.subject
    ):
        raise Unavailable("the authority certified something else", code="not_certified")
