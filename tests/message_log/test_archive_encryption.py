"""Archives for the eyes of their group: signed by the server, encrypted to the recipients, judged by gpg itself."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sild.errors import CallerError, Unavailable
from sild.message_log import ArchiveEncryption, Archiver, ArchivingRules, verify_archive
from sild.message_log.openpgp import read_key_mapping
from sild.xroad.identifiers import ClientId
from support.gnupg import SIGNER, GnuPG, gnupg
from support.stamped_log import StampedLog

MEMBER = ClientId("DEV", "COM", "1234", "TestClient")
OTHER = ClientId("DEV", "COM", "4321", "Service")


@pytest.fixture(scope="module")
def server() -> Iterator[GnuPG]:
    with gnupg() as home:
        home.new_key(SIGNER)
        yield home


@pytest.fixture(scope="module")
def member(server: GnuPG) -> Iterator[GnuPG]:
    """A recipient: two keys, whose public halves the server has."""
    with gnupg() as home:
        for user in ("one@example.org", "two@example.org"):
            home.new_key(user)
            home.send_key(user, server)
        server.send_key(SIGNER, home)
        yield home


def archiver(world: StampedLog, directory: Path, encryption: ArchiveEncryption, **rules: object) -> Archiver:
    directory.mkdir(exist_ok=True)
    return Archiver(
        world.log,
        directory,
        rules=ArchivingRules(encryption=encryption, **rules),  # type: ignore[arg-type]
        clock=world.clock,
    )


async def stamped(
    world: StampedLog, *query_ids: str, client_id: ClientId = MEMBER, body: bytes | None = None
) -> None:
    await world.append(*query_ids, client_id=client_id, body=body)
    await world.timestamper.stamp_pending(10)


async def test_the_server_signs_and_keeps_the_key(world: StampedLog, server: GnuPG, tmp_path: Path) -> None:
    """Without recipients of its own an archive is for the server's own key, as X-Road's is."""
    body = os.urandom(3_000_000)  # more than is kept in memory
    await stamped(world, "1", "2", body=body)
    (path,) = await archiver(world, tmp_path / "archive", ArchiveEncryption(server.home)).archive()
    assert path.name.endswith(".zip.gpg")
    assert not zipfile.is_zipfile(path)
    content, said = server.decrypt(path)
    assert "GOODSIG" in said and SIGNER in said
    assert "DECRYPTION_INFO 2 9" in said or "DECRYPTION_INFO 0 9" in said  # 9: AES-256
    (valid,) = [line for line in said.splitlines() if "VALIDSIG" in line]
    assert valid.split()[9] == "8"  # SHA-256
    report = verify_archive(io.BytesIO(content), previous_digest="")
    assert report.last_digest[:16] in path.name
    assert list((tmp_path / "archive").iterdir()) == [path]


async def test_an_unencrypted_archive_has_the_same_content(
    world: StampedLog, server: GnuPG, tmp_path: Path
) -> None:
    """So what reads X-Road's archives reads ours once they are decrypted: no entry's size stands behind it."""
    await stamped(world, "1", "2", body=b"a body")
    store = world.log.store
    ids = [record_id for record_id, _ in store.archivable(10, "none")]
    plain = Archiver(world.log, tmp_path, clock=world.clock)._writer
    draft = plain.write("", None, None, ids)
    expected = (tmp_path / f".{draft.name}.part").read_bytes()
    (tmp_path / f".{draft.name}.part").unlink()
    (path,) = await archiver(world, tmp_path / "archive", ArchiveEncryption(server.home)).archive()
    content, _ = server.decrypt(path)
    assert content == expected
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert all(entry.flag_bits & 0x08 == 0 for entry in archive.infolist())


async def test_each_group_has_its_recipients(
    world: StampedLog, server: GnuPG, member: GnuPG, tmp_path: Path
) -> None:
    mapping = tmp_path / "keys"
    keys = [member.fingerprint(user) for user in ("one@example.org", "two@example.org")]
    mapping.write_text("# who\n" + "".join(f"DEV/COM/1234 = {key}\n" for key in keys))
    await stamped(world, "mine")
    await stamped(world, "theirs", client_id=OTHER)
    encryption = ArchiveEncryption(server.home, keys_file=mapping)
    paths = await archiver(world, tmp_path / "archive", encryption, grouping="subsystem").archive()
    mine, theirs = sorted(paths)
    assert mine.name.startswith("mlog-DEV_COM_1234_TestClient-")
    content, said = member.decrypt(mine)
    assert zipfile.is_zipfile(io.BytesIO(content)) and "GOODSIG" in said
    assert said.count("ENC_TO") == 2
    assert server.decrypt(mine)[0] == b""  # the server itself cannot read it
    assert member.decrypt(theirs)[0] == b""
    assert zipfile.is_zipfile(io.BytesIO(server.decrypt(theirs)[0]))


async def test_the_default_key(world: StampedLog, server: GnuPG, member: GnuPG, tmp_path: Path) -> None:
    await stamped(world, "1")
    encryption = ArchiveEncryption(server.home, default_key=member.fingerprint("one@example.org"))
    (path,) = await archiver(world, tmp_path / "archive", encryption).archive()
    assert zipfile.is_zipfile(io.BytesIO(member.decrypt(path)[0]))


@pytest.mark.parametrize("what", ["no such key", "no gpg", "gpg dies", "no mapping", "a wrong mapping"])
async def test_a_failed_encryption_loses_nothing(
    world: StampedLog, server: GnuPG, tmp_path: Path, what: str
) -> None:
    await stamped(world, "1", "2", body=os.urandom(3_000_000))
    mapping = tmp_path / "keys"
    wrong = {
        "no such key": ArchiveEncryption(server.home, default_key="0123456789ABCDEF"),
        "no gpg": ArchiveEncryption(server.home, program=str(tmp_path / "gpg")),
        "gpg dies": ArchiveEncryption(server.home, program=str(dying_gpg(tmp_path))),
        "no mapping": ArchiveEncryption(server.home, keys_file=mapping),
        "a wrong mapping": ArchiveEncryption(server.home, keys_file=mapping),
    }[what]
    if what == "a wrong mapping":
        mapping.write_text("DEV/COM/1234\n")
    directory = tmp_path / "archive"
    with pytest.raises(Unavailable) as caught:
        await archiver(world, directory, wrong, grouping="member").archive()
    assert caught.value.code == "io_error"
    assert list(directory.iterdir()) == []
    assert len(world.log.store.archivable(10, "none")) == 2
    (path,) = await archiver(world, directory, ArchiveEncryption(server.home)).archive()
    with io.BytesIO(server.decrypt(path)[0]) as file:
        assert len(verify_archive(file, previous_digest="").containers) == 2


def dying_gpg(directory: Path) -> Path:
    """Takes a little and ends with success, as if it had been killed gently."""
    program = directory / "dying-gpg"
    program.write_text("#!/bin/sh\nhead -c 100 >/dev/null\n")
    program.chmod(0o700)
    return program


async def test_archives_of_a_chain_are_linked_by_their_names(
    world: StampedLog, server: GnuPG, tmp_path: Path
) -> None:
    encryption = ArchiveEncryption(server.home)
    await stamped(world, "1")
    (first,) = await archiver(world, tmp_path / "archive", encryption).archive()
    await stamped(world, "2")
    (second,) = await archiver(world, tmp_path / "archive", encryption).archive()
    report = verify_archive(io.BytesIO(server.decrypt(second)[0]))
    assert report.previous_file == first.name


def test_the_mapping_is_xroads() -> None:
    mapping = read_key_mapping(
        "# a comment\n"
        "   \n"
        "DEV/COM/1 = KEY1\n"
        " DEV/COM/1=KEY2  \n"
        r"test/member\=class/\\=code = ABCD"
        "\n"
        r"   \#42/CLASS/\#123 = =this is a key id#not a comment"
        "\n"
    )
    assert mapping == {
        "DEV/COM/1": ("KEY1", "KEY2"),
        r"test/member=class/\=code": ("ABCD",),
        "#42/CLASS/#123": ("=this is a key id#not a comment",),
    }
    for wrong in ("DEV/COM/1", "= KEY", "DEV/COM/1 =", r"DEV/COM/1 \= KEY", "DEV/COM/1 = --output"):
        with pytest.raises(CallerError, match="line 1"):
            read_key_mapping(wrong)


def test_gpg_is_started_without_a_shell(server: GnuPG, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    encryption = ArchiveEncryption(server.home, default_key=f"$(touch {witness})")
    with (
        pytest.raises(Unavailable),
        encryption.encrypting(tmp_path / "out", encryption.recipients(None)) as pipe,
    ):
        pipe.write(b"x")
    assert not witness.exists()
