"""The signing service by itself, on both databases: one key for one person, one signature for one word, whoever asks at once."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from sild.clock import xml_datetime
from sild.database import sqlite_url
from sild.errors import TrustError, Unavailable
from sild.openid import OpenIDError, Person
from sild.pki import Certificate, CertificateProfile, natural_person
from sild.remote_signing import RemoteSigning, SignHash, parse_pushed
from sild.signatures import DocumentPart, prepare_baseline
from support.pki import Pki, name
from support.postgres import PostgreSQL, postgresql  # noqa: F401  a fixture

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MARI = Person("EE60001019906", given_name="Mari", family_name="Maasikas", date_of_birth=None)
PKI = Pki(common_name="People's CA")
VERIFIER, REDIRECT = "v" * 50, "https://portal.example/signed"
TEXT = "Isaduse omaksvõtt\n"


class Clock:
    at = NOW

    def __call__(self) -> datetime:
        return self.at


def certify(request: bytes, *, ends: datetime = NOW + timedelta(days=700)) -> list[Certificate]:
    asked = x509.load_der_x509_csr(request)
    names = {attribute.oid.dotted_string: str(attribute.value) for attribute in asked.subject}
    key = asked.public_key()

    class Holder:
        """A key of which only the public half is known."""

        def public_key(self) -> object:
            return key

    subject = name(C=names["2.5.4.6"], CN=names["2.5.4.3"], SERIALNUMBER=names["2.5.4.5"])
    issued = PKI.issue(CertificateProfile.SIGN, subject, key=Holder(), not_after=ends)  # type: ignore[arg-type]
    return [issued.certificate, PKI.ca.certificate]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "signing.db")
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    with server.database() as made:
        yield made


def opened(url: str, clock: Clock, **more: object) -> RemoteSigning:
    values = {"key_password": "pen", "certify": certify, "clock": clock, **more}
    return RemoteSigning.open(url, **values)  # type: ignore[arg-type]


def word(signing: RemoteSigning, clock: Clock) -> tuple[str, SignHash]:
    """A code of hers, and what it is for."""
    credential = signing.credential_of(MARI)
    part = DocumentPart("statement.txt", "text/plain", hashlib.sha256(TEXT.encode()).digest())
    digest = prepare_baseline(credential.certificates[0], part, signing_time=clock.at).digest
    document = {
        "name": part.name,
        "mediaType": part.media_type,
        "content": base64.b64encode(TEXT.encode()).decode(),
        "signingTime": xml_datetime(clock.at, milliseconds=True),
    }
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    form = {
        "response_type": "code",
        "scope": "credential",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "credentialID": credential.id,
        "hashes": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "documents": json.dumps([document]),
    }
    uri, _seconds = signing.push("portal", REDIRECT, parse_pushed(form))
    asked = signing.begin(uri, "portal")
    _found, code = signing.authorise(asked.id, MARI.subject, way="passkey")
    return code, SignHash(credential.id, (digest,))


def redeem(signing: RemoteSigning, code: str) -> str:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    return signing.redeem("portal", form).value


def test_two_processes_at_once(url: str) -> None:
    clock = Clock()
    both = [opened(url, clock), opened(url, clock)]
    try:
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda n: both[n % 2].credential_of(MARI).id, range(4)))
            assert len(set(made)) == 1
            assert natural_person(both[0].credential(made[0]).certificates[0].subject) == MARI.subject
            code, wanted = word(both[0], clock)

            def tries(number: int) -> str | None:
                try:
                    return redeem(both[number % 2], code)
                except OpenIDError:
                    return None

            (token,) = filter(None, pool.map(tries, range(4)))
            signatures = set(pool.map(lambda n: both[n % 2].sign(token, wanted), range(4)))
            assert len(signatures) == 1
    finally:
        for one in both:
            one.close()


def test_a_key_is_renewed_before_its_certificate_ends(url: str) -> None:
    clock = Clock()
    signing = opened(url, clock, certify=lambda request: certify(request, ends=NOW + timedelta(days=10)))
    try:
        first = signing.credential_of(MARI).id
        clock.at = NOW + timedelta(days=8)
        assert signing.credential_of(MARI).id == first
        clock.at = NOW + timedelta(days=9, hours=1)
        assert signing.credential_of(MARI).id != first
        assert signing.credential(first).subject == MARI.subject  # what it signed can still be read
    finally:
        signing.close()


def test_another_password_signs_nothing(tmp_path: Path) -> None:
    clock, url = Clock(), sqlite_url(tmp_path / "signing.db")
    first = opened(url, clock)
    code, wanted = word(first, clock)
    token = redeem(first, code)
    first.close()
    other = opened(url, clock, key_password="guess")
    with pytest.raises(TrustError) as refused:
        other.sign(token, wanted)
    assert refused.value.code == "key_unreadable"
    other.close()


def test_an_authority_that_certifies_somebody_else(tmp_path: Path) -> None:
    def certify_other(request: bytes) -> list[Certificate]:
        subject = name(CN="x", SERIALNUMBER="PNOEE-38001085718")
        return [PKI.issue(CertificateProfile.SIGN, subject).certificate, PKI.ca.certificate]

    for certifies in (certify_other, lambda _request: []):
        signing = opened(sqlite_url(tmp_path / "signing.db"), Clock(), certify=certifies)
        with pytest.raises(Unavailable) as refused:
            signing.credential_of(MARI)
        assert refused.value.code == "not_certified"
        signing.close()


def test_texts_go_a_day_after(tmp_path: Path) -> None:
    clock = Clock()
    signing = opened(sqlite_url(tmp_path / "signing.db"), clock)
    word(signing, clock)
    clock.at = NOW + timedelta(days=2)
    signing.prune()
    signing.close()
    files = b"".join(file.read_bytes() for file in tmp_path.glob("signing.db"))
    assert b"signing_audit" in files
    again = opened(sqlite_url(tmp_path / "signing.db"), clock)
    with again._store.change() as change:
        assert change.connection.exec_driver_sql("select count(*) from signing_authorisation").scalar() == 0
        assert change.connection.exec_driver_sql("select count(*) from signing_audit").scalar() == 3
    again.close()
