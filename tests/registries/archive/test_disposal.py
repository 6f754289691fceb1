"""What its time is over: listed for the archivist, disposed of by a sealed act, gone from the disk; what proves it stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from sild.documents import verify_statement
from sild.errors import CallerError, Unavailable
from sild.processes.archive import command
from sild.registries import archive_app
from sild.registries.archive import disposal as disposal_module
from sild.registries.archive import register as register_module
from sild.registries.archive.register import ArchiveRegister
from sild.registries.archive.tables import disposals, packages
from sild.registries.kernel import Defects
from sild.registries.kernel.tables import answers
from support.asgi import serving
from support.clock import SetClock
from support.postgres import either_url as either_url
from support.postgres import postgresql as postgresql

from ..asking import Asker, refused
from .parcels import AT, CHILD, ID, SENDER, package, sealer, usage

SYSTEM = "/SILD/GOV/70000008/archive"
WHO = {"by": "EE38001085718", "order": "1-7/12"}


class Law:
    """years: None: for ever."""

    def __init__(self, years: int | None) -> None:
        self.years = years

    def __call__(self, _country: str) -> Any:
        estonia = self.known("EE")
        rule = estonia.kept["birth-registration"].model_copy(update={"years": self.years})
        return estonia.model_copy(update={"kept": {"birth-registration": rule}})

    known = staticmethod(register_module.profile)


@pytest.fixture
def law(monkeypatch: pytest.MonkeyPatch) -> Law:
    law = Law(years=10)
    for module in (register_module, disposal_module):
        monkeypatch.setattr(module, "profile", law)
    return law


@pytest.fixture
def clock() -> SetClock:
    return SetClock(AT)


@pytest.fixture
def archive(tmp_path: Path, either_url: str, clock: SetClock, law: Law) -> Iterator[ArchiveRegister]:
    archive = ArchiveRegister.open(tmp_path / "archive", either_url, system=SYSTEM, clock=clock)
    yield archive
    archive.close()


def taken(archive: ArchiveRegister, directory: Path, number: int = 1) -> list[str]:
    ids = [ID, *(f"uuid-{uuid4()}" for _ in range(number - 1))]
    for one in ids:
        archive.submit(package(directory, id=one), usage(f"m-{one}"))
    return ids


def files(archive: ArchiveRegister) -> list[Path]:
    return [one for one in archive._store.rglob("*") if one.is_file()]


def reasons(archive: ArchiveRegister, *ids: str) -> list[tuple[str, str]]:
    with pytest.raises(Defects) as refusal:
        archive.disposals.dispose(ids, **WHO)
    assert refusal.value.code == "not_disposable"
    return [(one.code, one.detail) for one in refusal.value.defects]


def test_gone_with_an_act_and_what_proves_it_stays(
    archive: ArchiveRegister, tmp_path: Path, clock: SetClock
) -> None:
    first, second, third = taken(archive, tmp_path, 3)
    receipts = {kept.id: kept.receipt for kept in archive.all()}
    assert archive.disposals.expired() == ()
    assert reasons(archive, first) == [("not_expired", first)]
    clock.forward(days=3654)
    assert {one.id for one in archive.disposals.expired()} == {first, second, third}
    (made,) = archive.disposals.dispose([first, second, first], **WHO)
    act = json.loads(made.act)
    assert [one["package"] for one in act["packages"]] == [first, second]
    assert (act["by"], act["order"], act["basis"]) == ("EE38001085718", "1-7/12", "RRS § 17")
    assert CHILD not in made.act, "nothing of anybody"
    verify_statement(made.act.encode(), made.seal.encode(), body="SILD/GOV/70000008", at=clock.at)
    assert len(files(archive)) == 1 and {kept.id: kept.receipt for kept in archive.all()} == receipts
    with pytest.raises(CallerError) as gone:
        archive.package(first, usage("m-gone"))
    assert gone.value.code == "package_disposed" and made.id in gone.value.message
    uses = archive.kernel.usage_of(CHILD).entries
    assert [one.operation for one in uses].count("disposePackage") == 1, "the people concerned find it"
    assert reasons(archive, first, third, "uuid-x") == [
        ("disposed_before", first),
        ("unknown_package", "uuid-x"),
    ]
    assert [one.id for one in archive.disposals.expired()] == [third], "of some that may not go none goes"


def test_what_comes_again_is_not_taken_again(
    archive: ArchiveRegister, tmp_path: Path, clock: SetClock
) -> None:
    """A sender that lost its receipt gets it; the content stays gone."""
    content = package(tmp_path)
    kept, _ = archive.submit(content, usage())
    clock.forward(days=3654)
    archive.disposals.dispose([ID], **WHO)
    again, is_new = archive.submit(content, usage("m-2"))
    assert (again.receipt, is_new) == (kept.receipt, False) and files(archive) == []


def test_the_law_of_today_may_keep_it_longer(
    archive: ArchiveRegister, tmp_path: Path, clock: SetClock, law: Law
) -> None:
    taken(archive, tmp_path)
    clock.forward(days=3654)
    for years in (20, None):
        law.years = years
        assert archive.disposals.expired() == () and reasons(archive, ID) == [("not_expired", ID)]
    law.years = 5  # the receipt's promise holds
    clock.at = AT + timedelta(days=5 * 366)
    assert archive.disposals.expired() == ()


def test_what_came_on_the_last_days_of_a_month_is_kept_as_long(law: Law) -> None:
    rule = law("EE").kept["birth-registration"]
    for came, last in (
        ("2026-01-31", "2036-01-31"),
        ("2026-04-29", "2036-04-29"),
        ("2028-02-29", "2038-02-28"),
    ):
        assert rule.last_day(date.fromisoformat(came)) == date.fromisoformat(last)


def test_it_goes_a_day_after_its_last(archive: ArchiveRegister, tmp_path: Path, clock: SetClock) -> None:
    clock.at = AT.replace(day=31)
    (one,) = taken(archive, tmp_path)
    clock.at = AT.replace(year=AT.year + 10, day=31)
    assert archive.disposals.expired() == ()
    clock.forward(days=1)
    assert [(found.id, found.keep_until.day) for found in archive.disposals.expired()] == [(one, 31)]


def test_whom_it_was_about_stays_in_records_of_use_alone(
    archive: ArchiveRegister, tmp_path: Path, clock: SetClock
) -> None:
    content = package(tmp_path)
    archive.submit(content, usage())
    archive.submit(content, usage())
    uses = archive.kernel.usage_of(CHILD).entries
    assert [one.operation for one in uses] == ["submitPackage"] * 2, "the same message again is seen as well"
    clock.forward(days=3654)
    archive.disposals.dispose([ID], **WHO)
    with archive.kernel.engine.connect() as connection:
        for table in (answers, packages, disposals):
            assert CHILD not in str(connection.execute(select(table)).all())


@pytest.mark.parametrize(
    "said",
    [{"by": "EE38001085719"}, {"by": "automatic"}, {"order": " "}, {"order": "1\n2"}, {"order": "1" * 201}],
)
def test_somebody_decides_by_an_order(archive: ArchiveRegister, said: dict[str, str]) -> None:
    with pytest.raises(CallerError) as refusal:
        archive.disposals.dispose([ID], **{**WHO, **said})
    assert refusal.value.code in ("bad_request", "invalid_identity_code")


def test_killed_between_the_act_and_the_file(
    archive: ArchiveRegister, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The act stands, the package is given to nobody, and the file goes with the next run."""
    ids = taken(archive, tmp_path, 2)
    clock.forward(days=3654)

    def refuses(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuses)
        with pytest.raises(Unavailable) as failure:
            archive.disposals.dispose(ids, **WHO)
    assert failure.value.code == "store_failed" and len(files(archive)) == 2
    assert archive.disposals.expired() == ()
    with pytest.raises(CallerError):
        archive.package(ids[0], usage("m-gone"))
    assert archive.disposals.remove_files() == 2 and files(archive) == []
    assert archive.disposals.remove_files() == 0


def test_over_http_it_is_gone(archive: ArchiveRegister, tmp_path: Path, clock: SetClock) -> None:
    taken(archive, tmp_path)
    clock.forward(days=3654)
    archive.disposals.dispose([ID], **WHO)
    with serving(archive_app(archive)) as site:
        answer = Asker(site).get(f"/packages/{ID}", user="automatic", X_Road_Client=f"{SENDER}/population")
        refused(answer, 410, "package_disposed")


def test_at_the_archivists_machine(tmp_path: Path, law: Law) -> None:
    """Listed, disposed of by the list, and judged afterwards by the act alone."""
    directory = tmp_path / "archive"
    archive = ArchiveRegister.open(directory, system=SYSTEM, clock=lambda: AT)
    law.years = 0
    archive.submit(package(tmp_path), usage())
    archive.close()
    seals = [sealer(tmp_path).chain[0], archive._seal.chain[0]]
    trust, config, listed = (tmp_path / name for name in ("trust.pem", "archive.toml", "list"))
    trust.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in seals))
    config.write_text(f'kind = "archive"\nsystem = "{SYSTEM.strip("/")}"\ndirectory = "archive"\n')

    def run(*words: object) -> tuple[int, str]:
        result = CliRunner().invoke(command, [str(word) for word in words])
        return result.exit_code, result.output

    status, said = run("expired", "--directory", directory, "--json")
    assert status == 0 and json.loads(said)["package"] == ID
    listed.write_text(said)
    orders = ("--config", config, "--by", WHO["by"], "--order", WHO["order"])
    status, said = run("dispose", "uuid-x", "--list", listed, *orders)
    assert status == 1 and "uuid-x: unknown_package" in said and len(list(directory.rglob("*.tar"))) == 1
    status, said = run("dispose", "--list", listed, *orders, "--json")
    assert status == 0 and json.loads(said)["packages"] == 1 and not list(directory.rglob("*.tar"))
    assert run("expired", "--directory", directory) == (0, "")
    status, said = run("verify", "--directory", directory, "--trust", trust, "--json")
    assert status == 0 and json.loads(said)["disposal"].startswith("disposal-"), said
    assert run("verify", "--directory", directory, "--json")[0] == 2, "nobody to trust the act by"
    listed.write_text("{broken")
    assert run("dispose", "--list", listed, *orders)[0] == 1
