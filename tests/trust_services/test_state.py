"""What survives: keys behind their password, certificates and revocations on both databases, audit in one transaction."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from trust_world import OPTIONS, SettableClock, certificate_request

from sild.errors import CallerError, Unavailable
from sild.pki import CertificateProfile, OCSPError, Revoked, build_ocsp_request, ocsp_error, read_certificate
from sild.trust_services import KeyKind, PasswordIncorrect, TrustOptions, TrustServices
from sild.trust_services.keys import generate_key
from support.pki import NOW
from support.postgres import PostgreSQL, postgresql  # noqa: F401  a fixture


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048"])
def test_the_same_services_open_again(tmp_path: Path, kind: KeyKind) -> None:
    first = TrustServices.create(tmp_path, password="päss", options=TrustOptions(key_kind=kind))
    serial = first.issue(certificate_request(), CertificateProfile.SIGN).serial_number
    revoked = first.revoke(serial)
    first.close()
    assert TrustServices.exists(tmp_path)
    again = TrustServices.open(tmp_path, password="päss")
    assert (again.ca_certificate, again.ocsp_certificate) == (first.ca_certificate, first.ocsp_certificate)
    assert again.certificate(serial).revoked == revoked
    assert len(again.answer_timestamp(b"")) > 0
    again.close()


def test_larger_keys_for_those_who_wait() -> None:
    assert [generate_key(kind).key_size for kind in ("rsa-3072", "rsa-4096")] == [3072, 4096]


def test_keys_are_behind_the_password_and_for_their_owner_alone(
    services: TrustServices, tmp_path: Path
) -> None:
    with pytest.raises(PasswordIncorrect):
        TrustServices.open(tmp_path / "trust", password="guess")
    files = sorted((tmp_path / "trust").glob("*.p12"))
    assert [file.name for file in files] == ["ca.p12", "ocsp.p12", "tsa.p12"]
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    assert services.ca_certificate


def test_keys_are_on_disk_when_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File and directory: an entry never flushed may be gone after a power failure, and with it the authority."""
    flushed: list[str] = []

    def note(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) or ".p12" in name:  # the database is flushed besides
            flushed.append("file" if ".p12" in name else "directory")

    monkeypatch.setattr(os, "fsync", note)
    TrustServices.create(tmp_path, password="secret", options=OPTIONS).close()
    assert flushed == ["file", "directory"] * 3


def test_a_failing_database_names_no_values(services: TrustServices, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/trust/trust.sqlite")
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE audit_row RENAME TO elsewhere"))
    engine.dispose()
    with pytest.raises(Unavailable) as failed:
        services.issue(certificate_request(), CertificateProfile.SIGN)
    assert "Member" not in str(failed.value)


def test_creating_twice_and_opening_nothing(services: TrustServices, tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="already"):
        TrustServices.create(tmp_path / "trust", password="secret")
    with pytest.raises(CallerError, match="no trust services"):
        TrustServices.open(tmp_path / "elsewhere", password="secret")
    with pytest.raises(CallerError, match="empty"):
        TrustServices.create(tmp_path / "elsewhere", password="")
    assert services.certificates()


def test_a_creation_cut_short_can_be_done_again(tmp_path: Path) -> None:
    TrustServices.create(tmp_path, password="secret").close()
    (tmp_path / "ca.p12").unlink()  # written last
    TrustServices.create(tmp_path, password="secret").close()
    again = TrustServices.open(tmp_path, password="secret")
    assert len(again.certificates()) == 6
    again.close()


def test_a_spoilt_key_file(services: TrustServices, tmp_path: Path) -> None:
    services.close()
    (tmp_path / "trust/tsa.p12").write_bytes(b"spoilt")
    with pytest.raises(PasswordIncorrect, match=r"tsa\.p12"):
        TrustServices.open(tmp_path / "trust", password="secret")
    (tmp_path / "trust/tsa.p12").unlink()
    with pytest.raises(Unavailable, match=r"tsa\.p12"):
        TrustServices.open(tmp_path / "trust", password="secret")


def test_an_unwritable_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        TrustServices.create(tmp_path / "file" / "trust", password="secret")


def test_both_databases_and_several_processes(tmp_path: Path, postgresql: PostgreSQL) -> None:  # noqa: F811
    with postgresql.database() as url:
        one = TrustServices.create(tmp_path, password="secret", options=OPTIONS, database_url=url)
        two = TrustServices.open(tmp_path, password="secret", options=OPTIONS, database_url=url)
        issued = one.issue(certificate_request(), CertificateProfile.AUTH)
        revoked = two.revoke(issued.serial_number)
        assert one.certificate(issued.serial_number).revoked == revoked
        assert one.revoke(issued.serial_number) == revoked
        assert [found.profile for found in two.certificates()][-1] is CertificateProfile.AUTH
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM audit_row").fetchone() == (5,)
            for table in ("audit_row", "certificate", "revocation"):
                with pytest.raises(psycopg.errors.RaiseException), connection.transaction():
                    connection.execute(f"DELETE FROM {table}")
        one.close()
        two.close()


def test_every_change_leaves_an_audit_row(services: TrustServices, tmp_path: Path) -> None:
    issued = services.issue(certificate_request(), CertificateProfile.SIGN, actor="desk")
    services.revoke(issued.serial_number, actor="desk")
    services.revoke(issued.serial_number, actor="another")  # changes nothing, so leaves nothing
    with sqlite3.connect(tmp_path / "trust/trust.sqlite") as connection:
        rows = connection.execute(
            "SELECT at, actor, action, serial_number, detail FROM audit_row ORDER BY id"
        ).fetchall()
        assert [row[1:3] for row in rows] == [("create", "issue")] * 3 + [
            ("desk", "issue"),
            ("desk", "revoke"),
        ]
        assert rows[3][0] == int(NOW.timestamp())
        assert rows[3][3] == f"{issued.serial_number:x}"
        assert json.loads(rows[3][4]) == {"profile": "SIGN", "subject": "CN=1234,O=Member"}
        for table in ("audit_row", "certificate", "revocation"):
            for change in (f"DELETE FROM {table}", f"UPDATE {table} SET serial_number = '1'"):
                with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                    connection.execute(change)
    connection.close()


def test_a_database_that_is_gone_is_tried_later(services: TrustServices, tmp_path: Path) -> None:
    issued = services.issue(certificate_request(), CertificateProfile.SIGN)
    request = build_ocsp_request(issued, services.ca_certificate)
    engine = sa.create_engine(f"sqlite:///{tmp_path}/trust/trust.sqlite")
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE revocation RENAME TO elsewhere"))
    engine.dispose()
    assert services.answer_ocsp(request) == ocsp_error(OCSPError.TRY_LATER)
    with pytest.raises(Unavailable):
        services.revoke(issued.serial_number)


def test_a_certificate_that_could_not_be_recorded_is_not_given_out(
    services: TrustServices, tmp_path: Path
) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/trust/trust.sqlite")
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE audit_row RENAME TO elsewhere"))
    engine.dispose()
    before = services.certificates()
    with pytest.raises(Unavailable):
        services.issue(certificate_request(), CertificateProfile.SIGN)
    assert services.certificates() == before


def test_status_is_by_the_clock_given(services: TrustServices, clock: SettableClock) -> None:
    serial = services.issue(certificate_request(), CertificateProfile.SIGN).serial_number
    clock.at = clock.at.replace(year=2027)
    assert services.revoke(serial) == Revoked(clock.at)
    assert read_certificate(services.certificate(serial).der).serial_number == serial


def test_many_at_once(services: TrustServices, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        request = certificate_request()
        issued = list(pool.map(lambda _: services.issue(request, CertificateProfile.SIGN), range(24)))
        serial = issued[0].serial_number
        outcomes = set(pool.map(lambda _: services.revoke(serial), range(16)))
    assert len({certificate.serial_number for certificate in issued}) == 24
    assert len(services.certificates()) == 27
    assert len(outcomes) == 1
    connection = sqlite3.connect(tmp_path / "trust/trust.sqlite")
    assert connection.execute("SELECT count(*) FROM audit_row WHERE action = 'revoke'").fetchone() == (1,)
    connection.close()
