"""A registered birth's act goes to the archive: sealed at once, sent until it is taken, the same bytes each time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from sild.decisions import Checkpointer, verify_bundle
from sild.documents import (
    ACT_FILE,
    DECISION_FILE,
    SEAL_FILE,
    canonical_json,
    read_package,
    seal_statement,
    verify_statement,
)
from sild.errors import CallerError, TrustError, Unavailable
from sild.registries import PopulationRegister, population_app
from sild.registries.archive.register import ArchiveRegister
from sild.registries.exchange import Because, Told
from sild.registries.kernel import Usage
from sild.registries.population.tables import archived_acts
from sild.registries.tasks import TaskState
from support.acting import serving

from ..asking import Asker
from ..conftest import NOW, SetClock
from ..families import couple
from ..notices import bundle, recorded

ARCHIVE = "/SILD/GOV/70000008/archive"


class ToArchive:
    """`Ask` straight into an archive, or what stands in its way."""

    def __init__(self, archive: ArchiveRegister) -> None:
        self.archive = archive
        self.sent: list[tuple[bytes, Because]] = []
        self.fails: list[Exception] = []
        self.after: list[Exception] = []  # the archive has it, and the answer is lost

    async def ask(self, register: str, path: Sequence[str], *, because: Because) -> Told:
        raise AssertionError("nobody is asked")

    async def send(
        self,
        register: str,
        path: Sequence[str],
        body: Mapping[str, Any] | bytes,
        *,
        because: Because,
        content_type: str = "",
    ) -> Told:
        assert (register, list(path), content_type) == ("archive", ["packages"], "application/x-tar")
        assert isinstance(body, bytes)
        self.sent.append((body, because))
        if self.fails:
            raise self.fails.pop(0)
        usage = Usage(
            "SILD/GOV/70000002/population",
            f"m-{because.key}",
            user_id=because.user_id,
            issue=because.case,
            basis=because.basis,
        )
        kept, _ = await asyncio.to_thread(self.archive.submit, body, usage)
        if self.after:
            raise self.after.pop(0)
        return Told({"receipt": kept.receipt, "seal": kept.seal}, "m", "archive")


@pytest.fixture
def to_archive(tmp_path: Path, hand_clock: SetClock) -> Any:
    archive = ArchiveRegister.open(tmp_path / "archive", system=ARCHIVE, clock=hand_clock)
    yield ToArchive(archive)
    archive.close()


@pytest.fixture
def asking(register: PopulationRegister) -> Iterator[Asker]:
    """The register of one kind of database, over HTTP."""
    with serving(population_app(register)) as site:
        yield Asker(site)


def registered(population: Asker) -> str:
    wife, husband = couple()
    child = recorded(population, bundle(wife.code))
    body = {"given_names": "Mari", "family_name": wife.family_name, "signed_by": [wife.code, husband.code]}
    answer = population.post(f"/births/{child}/registration", body, user="automatic")
    assert answer.status == 201, answer.text
    return child


def covered(register: PopulationRegister) -> None:
    """A head over the log, without a time-stamp: none of the authorities answers."""

    async def stamp(_data: bytes) -> bytes:
        raise Unavailable("none", code="timestamping_failed")

    checkpointer = Checkpointer(register.deciding.store, stamp, origin="SILD/GOV/70000002/population")
    with suppress(Unavailable):
        asyncio.run(checkpointer.tick())


def work(register: PopulationRegister, to_archive: ToArchive, clock: SetClock, rounds: int = 1) -> None:
    async def rounds_of() -> None:
        worker = register.worker(to_archive)
        for _ in range(rounds):
            await worker.work()
            clock.forward(minutes=20)

    asyncio.run(rounds_of())


def row(register: PopulationRegister) -> Any:
    with register.kernel.engine.connect() as connection:
        return connection.execute(select(archived_acts)).one()


def test_from_the_registration_to_the_receipt(
    population: Asker, either_register: PopulationRegister, to_archive: ToArchive, hand_clock: SetClock
) -> None:
    child = registered(population)
    covered(either_register)
    work(either_register, to_archive, hand_clock)
    ((content, because),) = to_archive.sent
    assert because.case == "case-7" and because.basis == "RRS § 17"
    package = read_package(content)
    act = json.loads(package.files[ACT_FILE])
    assert (act["child"]["code"], act["child"]["given_names"]) == (child, "Mari")
    assert [one["role"] for one in act["parents"]] == ["mother", "father"] and act[
        "registered_by"
    ] == "automatic"
    assert act["messages"][0]["id"].startswith("m-") and set(act["persons"]) >= {child}
    verify_statement(package.files[ACT_FILE], package.files[SEAL_FILE], body="SILD/GOV/70000002", at=NOW)
    findings = verify_bundle(package.files[DECISION_FILE])
    assert (
        all(one.verdict != "broken" for one in findings)
        and act["decision"] in package.files[DECISION_FILE].decode()
    )
    kept = row(either_register)
    assert kept.content is None and kept.archived_at is not None
    receipt = json.loads(kept.receipt)
    assert (receipt["package"], receipt["sha256"], receipt["keep_until"]) == (
        package.about.id,
        package.sha256,
        None,
    )
    verify_statement(kept.receipt.encode(), kept.seal.encode(), body="SILD/GOV/70000008", at=NOW)
    assert [one.state for one in either_register.tasks.about(child)] == [TaskState.DONE]
    work(either_register, to_archive, hand_clock, rounds=3)
    assert len(to_archive.sent) == 1, "once"


def test_the_archive_is_down_then_answers_and_the_answer_is_lost(
    asking: Asker, register: PopulationRegister, to_archive: ToArchive, hand_clock: SetClock
) -> None:
    child = registered(asking)
    covered(register)
    to_archive.fails = [Unavailable("down", code="network_error"), Unavailable("full", code="store_full")]
    to_archive.after = [Unavailable("cut off", code="network_error")]
    work(register, to_archive, hand_clock, rounds=3)
    (task,) = register.tasks.about(child)
    assert (task.state, task.attempts) == (TaskState.WAITING, 3)
    covered(register)  # the log grows meanwhile
    work(register, to_archive, hand_clock)
    assert len({content for content, _ in to_archive.sent}) == 1, "the same bytes"
    assert len({because.key for _, because in to_archive.sent}) == 1, "the same message"
    assert row(register).archived_at is not None and len(list(to_archive.archive.all())) == 1


def test_killed_between_writing_down_and_sending(
    asking: Asker,
    register: PopulationRegister,
    to_archive: ToArchive,
    hand_clock: SetClock,
    tmp_path: Path,
) -> None:
    child = registered(asking)
    covered(register)

    class Killed(BaseException):
        pass

    to_archive.fails = [Killed()]  # type: ignore[list-item]  # nothing of ours catches it
    with pytest.raises(Killed):
        work(register, to_archive, hand_clock)
    register.close()
    again = PopulationRegister.open(
        tmp_path, system="/SILD/GOV/70000002/population", people=400, clock=hand_clock
    )
    try:
        hand_clock.forward(minutes=5)
        work(again, to_archive, hand_clock)
        assert [one.state for one in again.tasks.about(child)] == [TaskState.DONE]
        assert to_archive.sent[0][0] == to_archive.sent[1][0]
    finally:
        again.close()


def test_it_waits_for_a_head_of_the_log_for_a_while(
    asking: Asker, register: PopulationRegister, to_archive: ToArchive, hand_clock: SetClock
) -> None:
    child = registered(asking)
    work(register, to_archive, hand_clock)
    (task,) = register.tasks.about(child)
    assert task.reason == "no_head_yet" and to_archive.sent == []
    work(register, to_archive, hand_clock, rounds=11)
    package = read_package(to_archive.sent[0][0])
    assert any(one.verdict == "unknown" for one in verify_bundle(package.files[DECISION_FILE])), (
        "says what is missing"
    )
    assert row(register).archived_at is not None


@pytest.mark.parametrize("what", ["another package", "forged", "nonsense"])
def test_a_receipt_that_is_none(
    asking: Asker, register: PopulationRegister, to_archive: ToArchive, hand_clock: SetClock, what: str
) -> None:
    child = registered(asking)
    covered(register)
    real = to_archive.send

    async def send(*where: Any, **how: Any) -> Told:
        told = await real(*where, **how)
        body = dict(told.body)
        if what == "nonsense":
            body = {"ok": True}
        elif what == "forged":
            body["receipt"] = body["receipt"].replace("SILD/GOV/70000008", "SILD/GOV/70000009")
        else:
            other = json.loads(body["receipt"]) | {"sha256": "0" * 64}
            body["receipt"] = canonical_json(other).decode()
            body["seal"] = seal_statement(body["receipt"].encode(), to_archive.archive._seal).decode()
        return Told(body, told.message_id, told.source)

    to_archive.send = send  # type: ignore[method-assign]
    work(register, to_archive, hand_clock)
    (task,) = register.tasks.about(child)
    assert task.state == TaskState.WAITING and task.reason in ("bad_receipt", "bad_seal")
    assert row(register).archived_at is None


def test_a_refused_package_stays_and_is_named(
    asking: Asker, register: PopulationRegister, to_archive: ToArchive, hand_clock: SetClock
) -> None:
    child = registered(asking)
    covered(register)
    to_archive.fails = [CallerError("no", code="bad_package"), TrustError("no", code="access_denied")]
    work(register, to_archive, hand_clock, rounds=2)
    (task,) = register.tasks.about(child)
    assert task.state == TaskState.WAITING and task.reason == "access_denied", "nothing is lost"
