"""`sild archive` at the archivist's machine: listed, taken out, every package judged again, damage found, nobody asked."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding

from sild.clock import system_clock
from sild.processes.archive import command
from sild.registries.archive.register import ArchiveRegister
from sild.registries.deciding.body import SELF_ISSUED

from .parcels import AT, ID, members, package, sealer, tar_of, usage


def run(*words: object) -> tuple[int, list[dict[str, Any]]]:
    result = CliRunner().invoke(command, [str(word) for word in words])
    lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    return result.exit_code, lines


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "archive"
    archive = ArchiveRegister.open(directory, system="/SILD/GOV/70000008/archive", clock=lambda: AT)
    archive.submit(package(tmp_path), usage())
    archive.close()
    seals = [sealer(tmp_path).chain[0], archive._seal.chain[0]]
    (tmp_path / "trust.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in seals))
    return directory


def test_listed_taken_out_and_judged(directory: Path, tmp_path: Path) -> None:
    status, (line,) = run("list", "--directory", directory, "--json")
    assert (status, line["package"], line["keep_until"]) == (0, ID, "for ever")
    assert run("export", ID, tmp_path / "p.tar", "--directory", directory)[0] == 0
    assert (tmp_path / "p.tar").read_bytes() == package(
        tmp_path,
        seal=members((tmp_path / "p.tar").read_bytes())[f"{ID}/representations/act/data/act.seal.json"],
    )
    for words in ((tmp_path / "p.tar",), ("--directory", directory)):
        assert run("verify", *words, "--json")[0] == 2, "nobody to trust the seal by"
        status, (told,) = run("verify", *words, "--trust", tmp_path / "trust.pem", "--json")
        assert (status, told["verdict"], told["sealed_by"]) == (0, "holds", "SILD/GOV/70000002")
    assert run("export", "uuid-0", tmp_path / "x", "--directory", directory)[0] == 1
    assert run("list", "--directory", tmp_path)[0] == 1 and not (tmp_path / "archive.db").exists()


def test_damage_and_alteration(directory: Path, tmp_path: Path) -> None:
    files = members(package(tmp_path))
    files["../x"] = b""
    (tmp_path / "bad.tar").write_bytes(tar_of(files))
    status, (told,) = run("verify", tmp_path / "bad.tar", "--json")
    assert status == 1 and told["defects"] == ["unsafe_path: ../x"]
    (file,) = (directory / "packages").rglob("*.tar")
    file.write_bytes(b"x")
    status, (told,) = run("verify", "--directory", directory, "--trust", tmp_path / "trust.pem", "--json")
    assert (status, told["code"]) == (1, "package_damaged")


def test_looking_touches_no_seal(tmp_path: Path) -> None:
    """One that ends soon is the register's to renew: it knows whose it is."""
    begun = system_clock() - SELF_ISSUED + timedelta(days=1)
    ArchiveRegister.open(tmp_path, system="/SILD/GOV/70000008/archive", clock=lambda: begun).close()
    seal = tmp_path / "receipts-seal.pem"
    before = seal.read_bytes()
    assert run("list", "--directory", tmp_path)[0] == 0
    assert seal.read_bytes() == before
    seal.unlink()
    assert run("verify", "--directory", tmp_path)[0] == 0 and not seal.exists()
