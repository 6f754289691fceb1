"""`sild verify` on encrypted archives and on whole chains of them: who signed, what is missing, what was exchanged."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from hashlib import sha512
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sild.errors import PeerError
from sild.message_log import ArchiveEncryption
from sild.processes.verify import command
from sild.processes.verify_openpgp import open_encrypted
from sild.xroad.archive_linking import next_digest
from support.gnupg import SIGNER, GnuPG, gnupg

VALID = ("valid-signed-message.asice", "valid-non-batch-rest.asice")


def judge(file: Path, conf: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    whole = [str(file), "--conf", str(conf), "--json", *arguments]
    result = CliRunner().invoke(command, whole, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, json.loads(result.output)


@pytest.fixture
def conf(shared: Path) -> Path:
    return shared / "globalconf/dirs/globalconf_good2_v3"


def chain(directory: Path, shared: Path, group: str, length: int) -> list[Path]:
    """Archives of one container each, as they follow one another."""
    paths, digest, before = [], "", "-"
    for number in range(length):
        data = (shared / "asice" / VALID[number % 2]).read_bytes()
        after = next_digest(digest, sha512(data).digest())
        stamp = f"2026112212{number:02}00"
        path = directory / f"mlog-{group}{stamp}-{stamp}-{after[:16]}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("1.asice", data)
            archive.writestr("linkinginfo", f"{digest or '-'} {before} SHA-512\n{after} 1.asice\n")
        paths.append(path)
        digest, before = after, path.name
    return paths


def test_whole_chains_of_several_groups(shared: Path, conf: Path, tmp_path: Path) -> None:
    chain(tmp_path, shared, "DEV_COM_1-", 3)
    chain(tmp_path, shared, "", 2)
    (tmp_path / "README").write_text("not looked at")
    status, facts = judge(tmp_path, conf)
    assert (status, facts["verdict"], facts["type"]) == (0, "valid", "archives")
    assert len(facts["archives"]) == 5
    assert facts["chains"]["DEV_COM_1"].startswith("3 archives")
    assert facts["chains"]["all messages"].startswith("2 archives")


def test_the_beginning_may_have_been_moved_away(shared: Path, conf: Path, tmp_path: Path) -> None:
    first, *_ = chain(tmp_path, shared, "", 3)
    first.unlink()
    status, facts = judge(tmp_path, conf)
    assert status == 0
    assert any(first.name in remark for remark in facts["archives"][0]["remarks"])


def test_a_missing_archive_leaves_the_question_open(shared: Path, conf: Path, tmp_path: Path) -> None:
    chain(tmp_path, shared, "", 3)[1].unlink()
    status, facts = judge(tmp_path, conf)
    assert (status, facts["verdict"]) == (2, "cannot_tell")
    assert "missing" in facts["message"] and facts["next_step"]


@pytest.mark.parametrize("what", ["exchanged", "doubled"])
def test_another_archive_in_its_place(shared: Path, conf: Path, tmp_path: Path, what: str) -> None:
    first, second = chain(tmp_path, shared, "", 2)
    if what == "exchanged":  # the first made anew with other containers, under the name the second knows
        other = tmp_path / "other"
        other.mkdir()
        data = (shared / "asice" / VALID[1]).read_bytes()
        after = next_digest("", sha512(data).digest())
        with zipfile.ZipFile(first, "w") as archive:
            archive.writestr("1.asice", data)
            archive.writestr("linkinginfo", f"- - SHA-512\n{after} 1.asice\n")
    else:  # two that continue the same one
        shutil.copy(second, tmp_path / second.name.replace("20261122120100", "20261122120200"))
    status, facts = judge(tmp_path, conf)
    assert (status, facts["verdict"], facts["fault_code"]) == (1, "invalid", "invalid_hash_chain")


def test_an_empty_directory(conf: Path, tmp_path: Path) -> None:
    assert judge(tmp_path, conf)[0] == 2


# encrypted


@pytest.fixture(scope="module")
def server() -> Iterator[GnuPG]:
    with gnupg() as home:
        home.new_key(SIGNER)
        yield home


def encrypted(path: Path, server: GnuPG) -> Path:
    target = path.with_name(path.name + ".gpg")
    with ArchiveEncryption(server.home).encrypting(target, ()) as pipe:
        pipe.write(path.read_bytes())
    path.unlink()
    return target


def test_an_encrypted_archive(shared: Path, conf: Path, tmp_path: Path, server: GnuPG) -> None:
    (path,) = chain(tmp_path, shared, "", 1)
    status, facts = judge(encrypted(path, server), conf, "--gpg-home", str(server.home))
    assert (status, facts["verdict"], facts["type"]) == (0, "valid", "archive")
    signer = facts["linking"]["openpgp_signer"]
    assert signer == f"{server.fingerprint(SIGNER)} {SIGNER}"
    assert len(facts["containers"]) == 1


def test_a_chain_half_of_which_is_encrypted(shared: Path, conf: Path, tmp_path: Path, server: GnuPG) -> None:
    *_, last = chain(tmp_path, shared, "", 2)
    encrypted(last, server)
    status, facts = judge(tmp_path, conf, "--gpg-home", str(server.home))
    assert (status, facts["chains"]["all messages"][:10]) == (0, "2 archives")


def test_one_for_somebody_else(shared: Path, conf: Path, tmp_path: Path, server: GnuPG) -> None:
    (path,) = chain(tmp_path, shared, "", 1)
    with gnupg() as stranger:
        stranger.new_key("stranger@example.org")
        status, facts = judge(encrypted(path, server), conf, "--gpg-home", str(stranger.home))
    assert (status, facts["verdict"]) == (2, "cannot_tell")
    assert "--gpg-home" in facts["next_step"]


def test_one_that_a_stranger_or_nobody_signed(
    shared: Path, conf: Path, tmp_path: Path, server: GnuPG
) -> None:
    """Anybody can encrypt to the recipient's public key: that proves nothing."""
    path, _ = chain(tmp_path, shared, "", 2)
    unsigned = tmp_path / "unsigned.gpg"
    to_server = (
        "--trust-model",
        "always",
        "--recipient",
        SIGNER,
        "--output",
        str(unsigned),
        "--encrypt",
        str(path),
    )
    assert server(*to_server).returncode == 0
    status, facts = judge(unsigned, conf, "--gpg-home", str(server.home))
    assert (status, facts["fault_code"]) == (1, "invalid_signature_value")
    with gnupg() as stranger:
        stranger.new_key("stranger@example.org")
        server.send_key(SIGNER, stranger)
        target = path.with_name(path.name + ".gpg")
        with ArchiveEncryption(stranger.home, default_key=SIGNER).encrypting(target, (SIGNER,)) as pipe:
            pipe.write(path.read_bytes())
    status, facts = judge(target, conf, "--gpg-home", str(server.home))
    assert (status, facts["verdict"]) == (2, "cannot_tell")


def test_a_damaged_one(shared: Path, conf: Path, tmp_path: Path, server: GnuPG) -> None:
    (path,) = chain(tmp_path, shared, "", 1)
    target = encrypted(path, server)
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(data)
    assert judge(target, conf, "--gpg-home", str(server.home))[0] == 1
    target.write_bytes(os.urandom(1000))
    assert judge(target, conf, "--gpg-home", str(server.home))[0] == 1


@pytest.mark.parametrize("kind", [("--recipient", SIGNER, "--encrypt"), ("--store",)])
def test_something_behind_the_archive(tmp_path: Path, server: GnuPG, kind: tuple[str, ...]) -> None:
    """gpg gives out the archive alone, with a good signature, and tells only by its exit status that there was more."""
    target, content, more = (tmp_path / name for name in ("1.zip.gpg", "content", "more"))
    with ArchiveEncryption(server.home).encrypting(target, ()) as pipe:
        pipe.write(b"archive")
    with open_encrypted(target, server.home, 1 << 30) as opened:
        assert opened.file.read() == b"archive"
    content.write_bytes(b"more")
    options = ("--trust-model", "always", "--output", str(more))
    assert server(*options, *kind, str(content)).returncode == 0
    target.write_bytes(target.read_bytes() + more.read_bytes())
    with pytest.raises(PeerError, match="damaged"), open_encrypted(target, server.home, 1 << 30):
        pass


def test_one_that_grows(conf: Path, tmp_path: Path, server: GnuPG) -> None:
    """Compressed, a few kilobytes become as many as somebody likes: on the disk of who only wants to look."""
    path = tmp_path / "mlog-20261122120000-20261122120001-0123456789abcdef.zip"
    path.write_bytes(bytes(3 << 20))
    target = encrypted(path, server)
    status, facts = judge(target, conf, "--gpg-home", str(server.home), "--max-output", "2")
    assert (status, facts["verdict"]) == (2, "cannot_tell")
    assert "more than 2097152 bytes" in facts["message"] and "--max-output" in facts["next_step"]
    status, facts = judge(target, conf, "--gpg-home", str(server.home), "--max-output", "3")
    assert status == 1 and "--max-output" not in (facts["next_step"] or "")
