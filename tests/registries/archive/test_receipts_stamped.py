"""Time-stamps of receipts: at once, or later when no authority gave one; and what the archivist is told of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import insert

from sild.documents import SEAL_FILE, canonical_json, read_package, seal_statement, verify_statement
from sild.pki import SealedBy
from sild.registries.archive.disposal import Disposal
from sild.registries.archive.register import ACTS, RECEIPTS, ArchiveRegister, Kept
from sild.registries.archive.tables import disposals, disposed

from ...decisions.world import LocalStamps, Root, SetClock
from ..conftest import either_url as either_url
from ..conftest import postgresql as postgresql
from .parcels import AT, ID, Authority, act, package, sealer, usage
from .test_archive_command import run

SYSTEM = "/SILD/GOV/70000008/archive"
AUTHORITY = Root(ec.generate_private_key(ec.SECP256R1()), "Authority of time-stamps")


@pytest.fixture
def stamps() -> LocalStamps:
    return LocalStamps(AUTHORITY.time_stamper(ec.generate_private_key(ec.SECP256R1())), SetClock())


@pytest.fixture
def archive(tmp_path: Path, either_url: str | None, stamps: LocalStamps) -> Iterator[ArchiveRegister]:
    archive = ArchiveRegister.open(tmp_path / "archive", either_url, system=SYSTEM, clock=lambda: AT)
    archive.kernel.stamp = stamps
    yield archive
    archive.close()


def judged(archive: ArchiveRegister, kept: Kept, *, years: int = 0) -> SealedBy:
    named = [archive._seal.chain[0], AUTHORITY.certificate]
    at = AT + timedelta(days=366 * years)
    return verify_statement(kept.receipt.encode(), kept.seal.encode(), named, body="SILD/GOV/70000008", at=at)


def works(archive: ArchiveRegister, stamps: LocalStamps) -> None:
    """Until all that waits is stamped, or for one round that fails."""

    async def rounds() -> None:
        work = asyncio.create_task(archive.stamp_receipts(stamps, interval=timedelta(days=1)))
        waiting = dict.fromkeys((RECEIPTS, ACTS), True)
        while any(waiting.values()) and not stamps.is_down:
            for of in waiting:
                waiting[of] = bool(await asyncio.to_thread(archive._unstamped, of))
            await asyncio.sleep(0.01)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    asyncio.run(rounds())


def test_at_once(archive: ArchiveRegister, tmp_path: Path) -> None:
    kept, _ = archive.submit(package(tmp_path), usage())
    assert kept.stamped_at is not None and "timestamp" in json.loads(kept.seal)
    found = judged(archive, kept, years=20)
    assert (found.trusted, found.stamp_is_trusted) == (True, True), "it outlives the seal's certificate"
    again, is_new = archive.submit(package(tmp_path, seal=seal_of(archive)), usage("m-2"))
    assert (again.seal, is_new) == (kept.seal, False)


def seal_of(archive: ArchiveRegister) -> bytes:
    """Of the act that was taken: the same package again, to the byte."""
    (kept,) = archive.all()
    return read_package(archive.content(kept.sha256)).files[SEAL_FILE]


def test_later(archive: ArchiveRegister, stamps: LocalStamps, tmp_path: Path) -> None:
    stamps.is_down = True
    kept, is_new = archive.submit(package(tmp_path), usage())
    assert is_new and kept.stamped_at is None, "it is taken all the same"
    assert judged(archive, kept).trusted and not judged(archive, kept, years=20).trusted
    works(archive, stamps)
    assert next(archive.all()).stamped_at is None
    stamps.is_down = False
    works(archive, stamps)
    (stamped,) = archive.all()
    assert judged(archive, stamped, years=20).trusted
    plain = json.loads(stamped.seal)
    del plain["timestamp"]
    assert plain == json.loads(kept.seal), "the same seal"
    count = stamps.serial
    works(archive, stamps)
    archive._keep_stamp(RECEIPTS, ID, stamps.token(b"a second one"))
    assert next(archive.all()).seal == stamped.seal and stamps.serial == count + 1, "once"


def test_an_act_of_disposal_is_time_stamped_too(
    archive: ArchiveRegister, stamps: LocalStamps, tmp_path: Path
) -> None:
    """So it outlives the certificate of its seal: in forty years somebody asks where the package went."""
    archive.submit(package(tmp_path), usage())
    with archive.kernel.engine.begin() as connection:
        act = canonical_json({"archive": SYSTEM.strip("/"), "packages": [{"package": ID}]})
        seal = seal_statement(act, archive._seal).decode()
        row = {"id": "disposal-1", "at": AT, "act": act.decode(), "seal": seal}
        connection.execute(insert(disposals).values(row))
        connection.execute(insert(disposed).values(package=ID, disposal="disposal-1", is_gone=True))

    def gone() -> Disposal:
        found = archive.disposal(ID)
        assert found is not None
        return found

    assert gone().stamped_at is None and "timestamp" not in json.loads(gone().seal)
    works(archive, stamps)
    assert gone().stamped_at is not None
    named = [archive._seal.chain[0], AUTHORITY.certificate]
    at = AT + timedelta(days=366 * 40)
    sealed = verify_statement(act, gone().seal.encode(), named, body="SILD/GOV/70000008", at=at)
    assert (sealed.trusted, sealed.stamp_is_trusted) == (True, True)


def test_what_the_archivist_is_told(stamps: LocalStamps, tmp_path: Path) -> None:
    directory = tmp_path / "archive"
    archive = ArchiveRegister.open(directory, system=SYSTEM, clock=lambda: AT)
    ids = [ID, ID.replace("019c", "029c")]
    for number, package_id in enumerate(ids):
        archive.kernel.stamp = stamps if number else None
        content = act(case=f"case-{number}")
        archive.submit(package(tmp_path, content, id=package_id), usage(f"m-{number}"))
    trusted = [sealer(tmp_path).chain[0], archive._seal.chain[0], AUTHORITY.certificate]
    archive.close()
    (tmp_path / "trust.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in trusted))

    def told() -> dict[str, dict[str, Any]]:
        _, lines = run("verify", "--directory", directory, "--trust", tmp_path / "trust.pem", "--json")
        return {line["package"]: line for line in lines}

    without, stamped = (told()[one] for one in ids)
    assert without["verdict"] == stamped["verdict"] == "holds"
    assert without["receipt_time_stamp"] == "none: when it was sealed is the body's own word"
    assert stamped["receipt_time_stamp"].endswith("by an authority you trust")
    assert {line["stamped_at"][:10] for line in run("list", "--directory", directory, "--json")[1]} == {
        "not time-s",
        "2026-03-02",
    }
    lines = run("verify", "--directory", directory, "--json")[1]
    assert {line["verdict"] for line in lines} == {"cannot tell"}, "nobody is named"
    (tmp_path / "trust.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in trusted[:1]))
    assert told()[ID]["code"] == "untrusted_seal", "the archive's own is certified by nobody who was named"


def test_an_act_outlives_the_certificate_of_its_seal(stamps: LocalStamps, tmp_path: Path) -> None:
    """By the receipt, which names its hash and is time-stamped."""
    brief = Authority(timedelta(days=1))
    seal = seal_statement(canonical_json(act()), sealer(tmp_path, certify=brief))
    verdicts = []
    for name in ("stamped", "plain"):
        archive = ArchiveRegister.open(tmp_path / name, system=SYSTEM, clock=lambda: AT)
        archive.kernel.stamp = stamps if name == "stamped" else None
        archive.submit(package(tmp_path, seal=seal), usage())
        trusted = [brief.root, archive._seal.chain[0], AUTHORITY.certificate]
        archive.close()
        (tmp_path / "trust.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in trusted))
        (line,) = run("verify", "--directory", tmp_path / name, "--trust", tmp_path / "trust.pem", "--json")[
            1
        ]
        verdicts.append((line["verdict"], line["seal_is_trusted"]))
    assert verdicts == [("holds", True), ("cannot tell", False)]
