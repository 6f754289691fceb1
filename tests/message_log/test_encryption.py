"""Bodies encrypted at rest: X-Road's scheme to the byte, nothing to read in the database, keys that change."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from sild.database import sqlite_url
from sild.errors import CallerError, Unavailable
from sild.message_log import BodyEncryption, BodyLogging, MessageLog
from sild.message_log.entries import PIECE_SIZE
from sild.message_log.keystore import add_secret, read_keystore
from sild.signatures import read_asice, write_asice
from support.logged_messages import message
from support.postgres import PostgreSQL
from support.stamped_log import stamped_log

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "message_log"
SECRETS = {"key1": b"a secret of the log", "key2": b"the next secret"}
AT = datetime(2026, 11, 22, tzinfo=UTC)
BODY = b"Mari Maasikas, 47101010033; " * 30_000  # four pieces


# the scheme


def test_the_scheme_is_xroads() -> None:
    vector = json.loads((VECTORS / "encryption.json").read_text())
    encryption = BodyEncryption({vector["key_id"]: vector["secret"].encode()}, vector["key_id"])
    name, record_id = vector["key_id"], vector["record_id"]
    encrypted = encryption.message(name, record_id, vector["message"].encode())
    assert encrypted.hex() == vector["cipher_message"]
    second = encryption.piece(name, record_id, 2, 0, vector["attachment_2"].encode())
    assert second.hex() == vector["cipher_attachment_2"]
    later = encryption.piece(name, record_id, 1, 1, bytes(vector["zeros_from_262144"]))
    assert PIECE_SIZE == 262_144
    assert later.hex() == vector["cipher_zeros_from_262144"]


def test_an_attachment_never_runs_into_the_next_ones_key_stream() -> None:
    encryption = BodyEncryption(SECRETS, "key1")
    last = 2**32 // (PIECE_SIZE // 16) - 1
    encryption.piece("key1", 1, 1, last, bytes(PIECE_SIZE - 16))
    with pytest.raises(ValueError, match="too long"):
        encryption.piece("key1", 1, 1, last, bytes(PIECE_SIZE))


# the keystore


@pytest.mark.parametrize("name", ["keystore.p12", "keystore-legacy.p12"])
def test_a_keystore_javas_keytool_made(name: str) -> None:
    assert read_keystore((VECTORS / name).read_bytes(), "somepassword") == SECRETS


def test_a_key_is_added_and_keytool_and_openssl_read_it(tmp_path: Path) -> None:
    random = Random(5)
    file = tmp_path / "keystore.p12"
    old = (VECTORS / "keystore.p12").read_bytes()
    file.write_bytes(add_secret(old, "somepassword", "key3", b"third", at=AT, random=random.randbytes(56)))
    assert read_keystore(file.read_bytes(), "somepassword") == {**SECRETS, "key3": b"third"}
    openssl = ["openssl", "pkcs12", "-in", file, "-passin", "pass:somepassword", "-info", "-noout"]
    told = subprocess.run(openssl, capture_output=True, text=True, check=True).stderr
    assert told.count("Secret bag") >= 3
    assert "MAC: sha256" in told
    if keytool := shutil.which("keytool"):
        told = subprocess.run(
            [keytool, "-list", "-keystore", file, "-storepass", "somepassword"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert told.count("SecretKeyEntry") == 3
        assert "PrivateKeyEntry" in told


def test_a_new_keystore_under_any_password() -> None:
    data = add_secret(None, "päss 語", "key", b"s" * 32, at=AT, random=Random(1).randbytes(56))
    assert read_keystore(data, "päss 語") == {"key": b"s" * 32}
    with pytest.raises(CallerError, match="already"):
        add_secret(data, "päss 語", "key", b"other", at=AT, random=Random(2).randbytes(56))


def test_what_is_no_keystore_or_not_ours_is_refused() -> None:
    good = (VECTORS / "keystore.p12").read_bytes()
    for data, password in ((good, "another"), (b"", "x"), (b"\x30\x00", "x"), (bytes(2_000_000), "x")):
        with pytest.raises(CallerError) as caught:
            read_keystore(data, password)
        assert caught.value.code == "bad_request"
    random = Random(3)
    for _ in range(300):  # any byte changed, any cut: CallerError and nothing else
        damaged = bytearray(good)
        damaged[random.randrange(len(damaged))] ^= random.randrange(1, 256)
        try:
            read_keystore(
                bytes(damaged[: random.randrange(len(damaged)) if random.random() < 0.3 else None]),
                "somepassword",
            )
        except CallerError:
            pass


def test_a_missing_key_is_found_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="no key key9"):
        BodyEncryption.from_keystore(VECTORS / "keystore.p12", "somepassword", "key9")
    with pytest.raises(CallerError):
        BodyEncryption.from_keystore(tmp_path / "none.p12", "x", "key1")


# the log


async def test_evidence_comes_out_as_it_went_in(log_url: str) -> None:
    async with stamped_log(log_url, BodyEncryption(SECRETS, "key1")) as world:
        small, large = await world.append("small"), await world.append("large", body=BODY)
        await world.timestamper.stamp_pending(10)
        for record_id in (*small, *large):
            await world.verify(record_id)
        record = await world.stamped(large[0])
        file = io.BytesIO()
        write_asice(await world.log.as_asice(record), file, at=record.time)
        (attachment,) = read_asice(file).attachments
        with attachment.open() as source:
            assert source.read() == BODY


async def test_nothing_of_a_body_stands_in_the_files(tmp_path: Path) -> None:
    log = MessageLog(sqlite_url(tmp_path / "log.db"), encryption=BodyEncryption(SECRETS, "key1"))
    await log.append(message("secret-free", attachments=(BODY, b"Mari Maasikas")))
    for found in [path.read_bytes() for path in tmp_path.iterdir()]:
        assert b"Maasikas" not in found
        assert b"/r1/DEV/COM/4321/Service/pets" not in found
    await log.close()
    assert b"Maasikas" not in (tmp_path / "log.db").read_bytes()
    plain = MessageLog(sqlite_url(tmp_path / "plain.db"))
    await plain.append(message("plain", attachments=(BODY,)))
    await plain.close()
    assert b"Maasikas" in (tmp_path / "plain.db").read_bytes()  # so the search would find it


async def test_nothing_of_a_body_stands_in_postgresqls_tables(postgresql: PostgreSQL) -> None:
    with postgresql.database() as url:
        log = MessageLog(url, encryption=BodyEncryption(SECRETS, "key1"))
        await log.append(message(attachments=(b"Mari Maasikas",)))
        with log.store.transaction() as connection:
            tables = [
                row[0]
                for row in connection.execute(
                    text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                )
            ]
            dump = [
                str(row)
                for table in tables
                for (row,) in connection.execute(
                    text(f"SELECT encode(convert_to(t::text, 'utf8'), 'escape') FROM {table} t")
                )
            ]
        assert len(tables) > 8
        assert dump
        for secret in (b"Maasikas", b"/r1/DEV/COM/4321"):
            assert not any(secret.decode() in row or secret.hex() in row for row in dump)
        await log.close()


async def test_keys_change_and_old_records_are_read(log_url: str) -> None:
    ids = []
    for encryption in (
        None,
        BodyEncryption(SECRETS, "key1"),
        BodyEncryption(SECRETS, "key2"),
        BodyEncryption(SECRETS, None),
    ):
        log = MessageLog(log_url, encryption=encryption)
        ids.append(await log.append(message(f"DEV-{len(ids)}", attachments=(b"body",))))
        await log.close()
    log = MessageLog(log_url, encryption=BodyEncryption(SECRETS, "key2"))
    for number, record_id in enumerate(ids):
        record = await log.get(record_id)
        assert record is not None
        assert record.message == message(f"DEV-{number}").message
        assert log.store.attachment_piece(record_id, 1, 0) == b"body"
    with log.store.transaction() as connection:
        kept = connection.execute(
            text("SELECT key_id, message IS NULL FROM message_record ORDER BY id")
        ).all()
    assert [(key, bool(absent)) for key, absent in kept] == [
        (None, False),
        ("key1", True),
        ("key2", True),
        (None, False),
    ]
    await log.close()
    for missing in (None, BodyEncryption({"key2": SECRETS["key2"]}, "key2")):
        log = MessageLog(log_url, encryption=missing)
        with pytest.raises(Unavailable, match="key1"):
            await log.get(ids[1])
        with pytest.raises(Unavailable, match="key1"):
            log.store.attachment_piece(ids[1], 1, 0)
        assert await log.get(ids[0]) is not None
        await log.close()


async def test_cut_bodies_are_encrypted_too(log_url: str) -> None:
    rules = BodyLogging(max_body_size=5, truncated_allowed=True)
    log = MessageLog(log_url, body_logging=rules, encryption=BodyEncryption(SECRETS, "key1"))
    record_id = await log.append(message(attachments=(b"123456789", b"")))
    assert log.store.attachment_piece(record_id, 1, 0) == b"12345"
    assert log.store.attachment_piece(record_id, 2, 0) == b""
    await log.close()
