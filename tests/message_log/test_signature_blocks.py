"""What recurs in signatures is stored once, and every signature comes back byte for byte or not at all."""

from __future__ import annotations

import asyncio
import zipfile
from dataclasses import replace
from datetime import timedelta
from hashlib import sha512
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from sild.database import sqlite_url
from sild.errors import Unavailable
from sild.message_log import Archiver, ArchivingRules, MessageLog
from sild.message_log.migrations import r0001_message_log
from sild.message_log.records import query_hash
from sild.message_log.signature_blocks import SignatureBlocks, join_signature, signature_form
from sild.signatures import read_asice
from support.logged_messages import CLIENT, message
from support.stamped_log import StampedLog

PARTS = (
    b"<s><ds:DigestValue>",
    b"</ds:DigestValue><ds:DigestValue>",
    b'</ds:DigestValue><ds:SignatureValue Id="signature-value">',
    b"</ds:SignatureValue><ds:KeyInfo>certificate</ds:KeyInfo><xades:SigningTime>",
    b"</xades:SigningTime>ocsp response</s>",
)


def signature(*values: bytes) -> bytes:
    whole = PARTS[0]
    for value, part in zip(values, PARTS[1:], strict=True):
        whole += value + part
    return whole


def blocks_of(log: MessageLog) -> list[int]:
    with log.store.transaction() as connection:
        return list(connection.scalars(text("SELECT id FROM signature_block ORDER BY id")))


# the rule


@given(st.lists(st.binary(max_size=40), min_size=4, max_size=4), st.binary(max_size=10))
def test_any_values_come_back(values: list[bytes], end: bytes) -> None:
    whole = signature(*values) + end
    form = signature_form(whole)
    assert form is not None
    own = form.values(whole)
    assert own is not None
    assert join_signature(own, form.block(), sha512(whole).digest()[:32]) == whole


@given(st.binary(max_size=300))
def test_what_is_no_signature_is_kept_whole(data: bytes) -> None:
    blocks = SignatureBlocks()
    for record_id in (1, 2, 3):
        blocks.begin()
        assert blocks.take(record_id, 0, data, sha512(data).digest()) == (data, None, None)
        blocks.committed()


def test_another_certificate_is_another_form() -> None:
    one = signature(b"1", b"2", b"3", b"4")
    form = signature_form(one)
    assert form is not None
    assert form.values(signature(b"a", b"b", b"c", b"d")) == b"abcd"
    assert form.values(one.replace(b"certificate", b"Certificate")) is None
    assert form.values(one + b" ") is None
    assert form.values(one[:-1]) is None


def test_the_references_signatures_have_the_form(shared: Path) -> None:
    """Java writes white space and carriage returns; ours has none."""
    with zipfile.ZipFile(shared / "messagelog-archive" / "message-archive-0.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith(".asice"))
        with archive.open(name) as file:
            whole = read_asice(file).signature  # type: ignore[arg-type]
    form = signature_form(whole)
    assert form is not None
    own = form.values(whole)
    assert own is not None and len(own) < 700 < len(whole)


def test_damage_is_noticed() -> None:
    whole = signature(b"1", b"2", b"3", b"4")
    form = signature_form(whole)
    assert form is not None
    digest = sha512(whole).digest()[:32]
    for own, block, stated in (
        (b"1235", form.block(), digest),
        (b"1234", None, digest),
        (b"1234", form.block()[:10], digest),
        (b"1234", form.block().replace(b"ocsp", b"OCSP"), digest),
        (b"1234", form.block(), bytes(32)),
    ):
        with pytest.raises(Unavailable, match="damaged"):
            join_signature(own, block, stated)


def test_whoever_signs_differently_each_time_fills_no_table() -> None:
    blocks = SignatureBlocks()
    for number in range(10_000):
        whole = signature(b"1", b"2", b"3", b"4") + b" %d" % number
        blocks.begin()
        assert blocks.take(number, 0, whole, bytes(64))[1] is None
        assert not blocks.fresh()
        blocks.committed()
    assert len(blocks._seen) + sum(map(len, blocks._forms.values())) < 10_000


def test_a_block_is_not_relied_on_before_it_is_durable() -> None:
    blocks = SignatureBlocks()
    whole, digest = signature(b"1", b"2", b"3", b"4"), bytes(64)
    for record_id in (1, 2):
        blocks.begin()
        blocks.take(record_id, 0, whole, digest)
    assert [row[0] for row in blocks.fresh()] == [2]
    blocks.begin()  # that transaction failed
    assert blocks.take(3, 0, whole, digest)[1] == 3
    assert [row[0] for row in blocks.fresh()] == [3]
    blocks.committed()
    blocks.begin()
    assert blocks.take(4, 0, whole, digest)[1] == 3
    assert not blocks.fresh()


# the log


async def test_evidence_comes_out_as_it_went_in(world: StampedLog) -> None:
    records = [world.record(f"DEV-{number}", body=b"body" if number % 2 else None) for number in range(8)]
    ids = [await world.log.append(record) for record in records]
    assert blocks_of(world.log) == [
        ids[2],
        ids[3],
    ]  # with and without a hash chain; from the second of each on
    await world.timestamper.stamp_pending(5)
    await world.timestamper.stamp(ids[5])  # alone: the token goes into the signature
    await world.timestamper.stamp_pending(5)
    for record_id, record in zip(ids, records, strict=True):
        stored = await world.stamped(record_id)
        assert stored.signature == record.signature
        await world.verify(record_id)
    with world.log.store.transaction() as connection:
        sizes = connection.scalars(text("SELECT length(signature) FROM message_record ORDER BY id")).all()
    assert max(sizes[4:]) < 700 < 3_000 < min(sizes[:2])


async def test_after_a_restart_blocks_are_written_anew(world: StampedLog, log_url: str) -> None:
    ids = [await world.log.append(world.record(str(number))) for number in range(3)]
    other = MessageLog(log_url, clock=world.clock)
    more = [await other.append(world.record(str(number))) for number in range(3, 6)]
    assert len(blocks_of(world.log)) == 2
    for record_id in (*ids, *more):
        record = await world.log.get(record_id)
        assert record is not None and record.signature.startswith(b"<?xml")
    await other.close()


async def test_a_damaged_block_is_no_evidence(world: StampedLog) -> None:
    ids = [await world.log.append(world.record(str(number))) for number in range(3)]
    with world.log.store.transaction() as connection:
        connection.execute(text("UPDATE signature_block SET data = :data"), {"data": bytes(5_000)})
    assert await world.log.get(ids[0]) is not None
    with pytest.raises(Unavailable, match="damaged") as caught:
        await world.log.get(ids[2])
    assert caught.value.code == "database_error"


async def test_blocks_go_with_the_last_record_that_needs_them(world: StampedLog, tmp_path: Path) -> None:
    directory = tmp_path / "archive"
    directory.mkdir()
    keeper = Archiver(world.log, directory, rules=ArchivingRules(keep=timedelta(days=30)), clock=world.clock)
    await asyncio.gather(*(world.log.append(world.record(str(number))) for number in range(4)))
    (first,) = blocks_of(world.log)
    record = replace(world.record("a day later"))
    world.now += timedelta(hours=23)
    await world.log.append(record)
    world.now += timedelta(hours=2)
    await world.log.append(replace(record, query_id="more than a day"))
    assert len(blocks_of(world.log)) == 2
    await world.timestamper.stamp_pending(10)
    await keeper.archive()

    world.now += timedelta(days=29, hours=1)  # the first four are old; the fifth needs their block
    assert await keeper.clean() == 4
    assert first in blocks_of(world.log)
    (later,) = await world.log.find("a day later")
    assert later.signature == record.signature
    world.now += timedelta(days=1)
    assert await keeper.clean() == 2
    await world.log.append(world.record("new"))
    world.now += timedelta(days=2)
    await keeper.clean()
    assert first not in blocks_of(world.log)


async def test_rows_of_the_revision_before_are_read(tmp_path: Path) -> None:
    """A log of the first revision is brought up to date as it is: its signatures stand whole in their rows."""
    url = sqlite_url(tmp_path / "old.db")
    make_first_revision(url)
    log = MessageLog(url)
    (record,) = await log.find("DEV-1", CLIENT)
    assert (record.signature, record.message) == (b"<signatures/>", b"GET")
    await log.append(message("DEV-2"))
    assert [found.query_id for found in await log.find("DEV-2")] == ["DEV-2"]
    await log.close()


def make_first_revision(url: str) -> None:
    """As `open_database` would have made it then, with one record."""
    engine = create_engine(url)
    with engine.begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            r0001_message_log.upgrade()
        connection.execute(text("CREATE TABLE message_log_revision (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO message_log_revision VALUES ('0001')"))
        connection.execute(
            text(
                "INSERT INTO message_record (id, time, query_hash, query_id, is_response, instance_identifier,"
                " member_class, member_code, subsystem_code, message, signature)"
                " VALUES (1, 1793491200000, :query_hash, 'DEV-1', 0, 'DEV', 'COM',"
                " '1234', 'TestClient', CAST('GET' AS BLOB), CAST('<signatures/>' AS BLOB))"
            ),
            {"query_hash": query_hash("DEV-1")},
        )
        connection.execute(text("UPDATE id_block SET next_id = 2"))
    engine.dispose()
