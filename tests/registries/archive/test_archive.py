"""Taking packages: once, whatever is sent again or killed between; a sealed receipt; given out to the sender alone; damage is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sild.documents import canonical_json, seal_statement, verify_statement
from sild.errors import CallerError, Unavailable
from sild.registries import archive_app
from sild.registries.archive import register as archive_register
from sild.registries.archive.register import ArchiveRegister
from sild.registries.kernel import Defects
from support.asgi import Site, serving

from ..conftest import either_url as either_url
from ..conftest import postgresql as postgresql
from .parcels import AT, CHILD, ID, SENDER, act, package, sealer, usage

SYSTEM = "/SILD/GOV/70000008/archive"


@pytest.fixture
def archive(tmp_path: Path, either_url: str | None) -> Iterator[ArchiveRegister]:
    archive = ArchiveRegister.open(tmp_path / "archive", either_url, system=SYSTEM, clock=lambda: AT)
    yield archive
    archive.close()


def files(archive: ArchiveRegister) -> list[Path]:
    return [one for one in archive._store.rglob("*") if one.is_file()]


def test_taken_once_with_a_sealed_receipt(archive: ArchiveRegister, tmp_path: Path) -> None:
    content = package(tmp_path)
    kept, is_new = archive.submit(content, usage())
    assert is_new and archive.content(kept.sha256) == content
    receipt = json.loads(kept.receipt)
    assert (
        receipt["sha256"] == kept.sha256
        and receipt["keep_until"] is None
        and receipt["keep_basis"] == "RRS § 17"
    )
    verify_statement(kept.receipt.encode(), kept.seal.encode(), body="SILD/GOV/70000008", at=AT)
    again = [archive.submit(content, usage(message)) for message in ("m-1", "m-1", "m-2")]
    assert {(one.receipt, one.seal, new) for one, new in again} == {(kept.receipt, kept.seal, False)}
    assert len(list(archive.all())) == len(files(archive)) == 1
    uses = archive.kernel.usage_of(CHILD).entries
    assert {one.operation for one in uses} == {"submitPackage"} and len(uses) == 4


def test_another_package_under_the_same_id(archive: ArchiveRegister, tmp_path: Path) -> None:
    first, _ = archive.submit(package(tmp_path), usage())
    with pytest.raises(CallerError) as refused:
        archive.submit(package(tmp_path, act(case="case-8")), usage("m-2"))
    assert refused.value.code == "package_id_taken"
    (kept,) = archive.all()
    assert kept.sha256 == first.sha256


def test_a_refused_one_leaves_a_record_and_nothing_else(archive: ArchiveRegister, tmp_path: Path) -> None:
    with pytest.raises(Defects) as refused:
        archive.submit(package(tmp_path, act(persons=[], country="XX")), usage())
    assert refused.value.code == "bad_package"
    assert list(archive.all()) == [] and files(archive) == []


def test_killed_between_the_file_and_the_row(
    archive: ArchiveRegister, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    content = package(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(archive_register, "seal_statement", dies)  # after the file, before the row
        with pytest.raises(Killed):
            archive.submit(content, usage())
    assert len(files(archive)) == 1 and list(archive.all()) == []
    kept, is_new = archive.submit(content, usage())
    assert is_new and len(files(archive)) == 1 and archive.content(kept.sha256) == content


def test_a_full_disk(archive: ArchiveRegister, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(archive_register, "write_private", full)
        with pytest.raises(Unavailable) as refused:
            archive.submit(package(tmp_path), usage())
    assert refused.value.code == "store_full" and list(archive.all()) == []
    assert archive.submit(package(tmp_path), usage())[1]


def test_damage_on_the_disk_is_named(archive: ArchiveRegister, tmp_path: Path) -> None:
    kept, _ = archive.submit(package(tmp_path), usage())
    (file,) = files(archive)
    assert file.stat().st_mode & 0o077 == 0
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(Unavailable, match="not what was taken"):
        archive.package(kept.id, usage("m-2"))
    file.unlink()
    with pytest.raises(Unavailable, match="not there"):
        archive.package(kept.id, usage("m-3"))


def test_kept_as_long_as_the_law_says(
    archive: ArchiveRegister, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = archive_register.profile("EE")
    rule = profile.kept["birth-registration"].model_copy(update={"years": 75})
    shorter = profile.model_copy(update={"kept": {"birth-registration": rule}})
    monkeypatch.setattr(archive_register, "profile", lambda _country: shorter)
    kept, _ = archive.submit(package(tmp_path), usage())
    assert kept.keep_until == date(2101, 3, 2)


# --- over HTTP


HEADERS = {
    "X-Road-Client": f"{SENDER}/population",
    "X-Road-UserId": "automatic",
    "X-Road-Issue": "case-7",
    "Sild-Legal-Basis": "RRS 17",
    "Content-Type": "application/x-tar",
}


@pytest.fixture
def site(archive: ArchiveRegister) -> Iterator[Site]:
    with serving(archive_app(archive)) as site:
        yield site


def test_over_http(site: Site, tmp_path: Path) -> None:
    content = package(tmp_path)

    def post(body: bytes, message: str, **more: str) -> Any:
        return site.request("POST", "/packages", body=body, headers={**HEADERS, "X-Road-Id": message, **more})

    first, again = post(content, "m-1"), post(content, "m-2")
    assert (first.status, again.status) == (201, 200) and first.json() == again.json()
    assert first.json()["package"] == ID
    bad = post(content[:700], "m-3")
    assert bad.status == 400 and bad.json()["type"] == "urn:sild:archive:bad_package"
    assert {one["code"] for one in bad.json()["errors"]} == {"not_a_package"}
    big = post(b"\0" * (9 << 20), "m-4")
    assert big.status == 400 and "at most" in big.json()["detail"]
    other = seal_statement(canonical_json(act(case="x")), sealer(tmp_path))
    assert post(package(tmp_path, act(case="x"), seal=other), "m-5").status == 409
    taken = site.request("GET", f"/packages/{ID}", headers={**HEADERS, "X-Road-Id": "m-6"})
    assert (taken.status, taken.body) == (200, content)
    foreign = {**HEADERS, "X-Road-Id": "m-7", "X-Road-Client": "SILD/GOV/70000004/social"}
    assert site.request("GET", f"/packages/{ID}", headers=foreign).status == 404
    nameless = {name: value for name, value in HEADERS.items() if name != "Sild-Legal-Basis"}
    refused = site.request("POST", "/packages", body=content, headers={**nameless, "X-Road-Id": "m-8"})
    assert refused.status == 400 and refused.json()["type"].endswith("missing_legal_basis")
    schema = site.request("GET", "/openapi.json").json()
    assert schema["paths"]["/packages"]["post"]["requestBody"]["content"]["application/x-tar"]
    assert (
        "An act was archived"
        in site.request("GET", f"/findUsage?userCode=EE{CHILD}", headers={**HEADERS, "X-Road-Id": "m-9"}).text
    )
