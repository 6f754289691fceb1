"""Taking a package: checked whole, written to the disk, then one row and a sealed receipt. Killed anywhere, it is sent again and is
the same one package."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, insert, select
from sqlalchemy.exc import IntegrityError

from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.documents import (
    BadPackage,
    Sealer,
    TimeStamper,
    canonical_json,
    seal_statement,
    seal_value,
    stamped_seal,
)
from sild.errors import CallerError, PlatformError, Unavailable
from sild.pki import parse_timestamp_token
from sild.private_files import write_private
from sild.registries.archive.disposal import Disposal, Disposals, disposal_of
from sild.registries.archive.judging import JudgedPackage, judge_package
from sild.registries.archive.tables import disposal_stamps, disposals, packages, receipt_stamps
from sild.registries.deciding.body import Certify, open_seal
from sild.registries.identity_codes import Country
from sild.registries.kernel import Defect, Kernel, Usage, Use, refuse_defects
from sild.registries.profiles import profile
from sild.telemetry import get_logger

__all__ = ["ArchiveRegister", "ArchiveShelf", "Kept"]

log = get_logger("archive")

MIGRATIONS = Path(__file__).parent / "migrations"
PACKAGES = "packages"
PATIENCE_SECONDS = 5.0
"""With the authority of time-stamps, while somebody waits for the receipt."""
ROUND = 100


@dataclass(frozen=True, slots=True)
class Kept:
    """A package as the archive has it. receipt: canonical JSON; seal: of it, with its time-stamp.  keep_until: the last day; None: for ever.

    stamped_at: None: no authority has given a time-stamp yet.
    """

    id: str
    sha256: str
    size: int
    kind: str
    label: str
    submitter: str
    received_at: datetime
    keep_until: date | None
    receipt: str
    seal: str
    stamped_at: datetime | None


class ArchiveShelf:
    """What was taken, for the archivist at the machine; nothing is taken here, and no seal is looked at. store: the directory of the packages."""

    def __init__(self, kernel: Kernel, store: Path) -> None:
        self.kernel = kernel
        self._store = store

    @classmethod
    def open_beside(cls, directory: Path, database_url: str | None = None) -> ArchiveShelf:
        """Beside the register, which may run. Raises Unavailable (`database_error`)."""
        url = database_url or sqlite_url(directory / "archive.db")
        return ArchiveShelf(Kernel.open(url, "/SILD/GOV/0/archive", MIGRATIONS), directory / PACKAGES)

    def close(self) -> None:
        self.kernel.close()

    def all(self) -> Iterator[Kept]:
        """For the archivist at the machine, the oldest first; no use is recorded, for nothing of anybody is shown."""
        with self.kernel.engine.connect() as connection:
            rows = connection.execute(_kept_rows().order_by(packages.c.received_at, packages.c.id)).all()
        return (_kept(row) for row in rows)

    def content(self, sha256: str) -> bytes:
        """Of a package, its hash computed again. Raises Unavailable (`package_damaged`): gone, or another."""
        try:
            content = self._file(sha256).read_bytes()
        except OSError as error:
            raise Unavailable("a package that was taken is not there", code="package_damaged") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Unavailable("a package is not what was taken", code="package_damaged")
        return content

    @property
    def disposals(self) -> Disposals:
        """To see what its time is over."""
        return Disposals(self.kernel, self._store)

    def disposal(self, package_id: str) -> Disposal | None:
        """By which a package was disposed of."""
        with self.kernel.engine.connect() as connection:
            return disposal_of(connection, package_id)

    def _file(self, sha256: str) -> Path:
        return self._store / sha256[:2] / f"{sha256}.tar"


class ArchiveRegister(ArchiveShelf):
    """Thread-safe. Seals of acts are trusted by the authorities that certified the archive's own; without any, by their own word."""

    def __init__(self, kernel: Kernel, store: Path, seal: Sealer) -> None:
        super().__init__(kernel, store)
        self._seal = seal

    @classmethod
    def open(
        cls,
        directory: Path,
        database_url: str | None = None,
        *,
        system: str,
        zone: ZoneInfo | None = None,
        clock: Clock = system_clock,
        certify: Certify | None = None,
    ) -> Self:
        """Packages lie in `directory/packages`. Raises Unavailable (`database_error`, `key_not_found`)."""
        store = directory / PACKAGES
        store.mkdir(parents=True, exist_ok=True, mode=0o700)
        url = database_url or sqlite_url(directory / "archive.db")
        kernel = Kernel.open(url, system, MIGRATIONS, zone=zone, clock=clock)
        body = "/".join(system.strip("/").split("/")[:3])
        seal = open_seal(directory, "receipts", body, name=body, at=kernel.now, certify=certify)
        return cls(kernel, store, seal)

    @property
    def disposals(self) -> Disposals:
        """To dispose of it."""
        return Disposals(self.kernel, self._store, self._seal)

    def submit(self, content: bytes, usage: Usage) -> tuple[Kept, bool]:
        """Also: is it taken just now? The same package again, in whatever message, is the one that is here. Blocks; not within an
        event loop.

        Raises Defects (`bad_package`), CallerError (`package_id_taken`), Unavailable (`store_full`).
        """
        kept, is_new = self._submit(content, usage)
        stamp = self.kernel.stamp
        if stamp is None or not is_new:
            return kept, is_new
        asyncio.run(self._stamp_at_once(kept.id, kept.seal, stamp))
        with self.kernel.engine.connect() as connection:
            return self._of(connection, kept.id), is_new

    def _submit(self, content: bytes, usage: Usage) -> tuple[Kept, bool]:
        refused: BadPackage | None = None
        judged: JudgedPackage | None = None
        try:
            judged = judge_package(
                content, sender=usage.client, at=self.kernel.now, authorities=self._seal.chain[1:]
            )
        except BadPackage as error:
            refused = error
        with self.kernel.used("submitPackage", usage) as use:
            before = use.answered()
            if before is not None:
                row = self._row(use.connection, before["package"])
                assert row is not None
                use.concerns(*row.persons)
                return _kept(row), False
            if judged is None:
                assert refused is not None
                defects = [Defect(one.code, one.detail, one.path) for one in refused.defects]
                refuse_defects(refused.message, code=refused.code, defects=defects)
                raise AssertionError("a refusal has defects")
            use.concerns(*judged.persons)
            kept, is_new = self._take(use, judged, content)
            use.answer({"package": kept.id})
            return kept, is_new

    def package(self, package_id: str, usage: Usage) -> tuple[Kept, bytes]:
        """For those who handed it in. Raises CallerError (`unknown_package`, `package_disposed`), Unavailable (`package_damaged`)."""
        with self.kernel.used("getPackage", usage) as use:
            row = self._row(use.connection, package_id)
            if row is None or row.submitter != "/".join(usage.client.split("/")[:3]):
                raise CallerError("no such package", code="unknown_package")
            use.concerns(*row.persons)
            gone = disposal_of(use.connection, package_id)
            if gone is not None:
                raise CallerError(f"disposed of on {gone.at.date()} by {gone.id}", code="package_disposed")
            return _kept(row), self.content(row.sha256)

    def _take(self, use: Use, judged: JudgedPackage, content: bytes) -> tuple[Kept, bool]:
        package = judged.package
        use.alone(f"package/{package.about.id}")
        known = self._row(use.connection, package.about.id)
        if known is not None:
            if known.sha256 != package.sha256:
                raise CallerError("another package has this id", code="package_id_taken")
            return _kept(known), False
        self._write(package.sha256, content)  # before the row: a file without a row is no harm
        keep_until, basis = _kept_until(judged, use.today)
        receipt = {
            "archive": self.kernel.system.strip("/"),
            "package": package.about.id,
            "kind": package.about.kind,
            "submitter": package.about.submitter,
            "sha256": package.sha256,
            "size": package.size,
            "files": len(package.files),
            "message_id": use.usage.message_id,
            "received_at": use.at.isoformat(),
            "keep_until": keep_until.isoformat() if keep_until else None,
            "keep_basis": basis,
        }
        statement = canonical_json(receipt)
        use.connection.execute(
            insert(packages).values(
                id=package.about.id,
                sha256=package.sha256,
                size=package.size,
                kind=package.about.kind,
                label=package.about.label[:300],
                submitter=package.about.submitter,
                country=judged.country,
                persons=list(judged.persons),
                case=judged.case,
                message_id=use.usage.message_id,
                received_at=use.at,
                keep_until=keep_until,
                receipt=statement.decode(),
                seal=seal_statement(statement, self._seal).decode(),
            )
        )
        return self._of(use.connection, package.about.id), True

    def _write(self, sha256: str, content: bytes) -> None:
        file = self._file(sha256)
        try:
            file.parent.mkdir(exist_ok=True, mode=0o700)
            write_private(file, content)
        except OSError as error:
            raise Unavailable("the package cannot be written", code="store_full") from error

    def _of(self, connection: Connection, package_id: str) -> Kept:
        row = self._row(connection, package_id)
        assert row is not None
        return _kept(row)

    def _row(self, connection: Connection, package_id: str) -> Row[Any] | None:
        return connection.execute(_kept_rows().where(packages.c.id == package_id)).one_or_none()

    # --- time-stamps of receipts and of acts of disposal

    async def stamp_receipts(self, stamp: TimeStamper, *, interval: timedelta) -> None:
        """Those that have none, the oldest first, again and again until cancelled; acts of disposal, too. While no authority gives any, packages are taken."""
        while True:
            try:
                await self._stamp_waiting(stamp)
            except PlatformError as error:
                log.refusal("archive.not_stamped", error)
            except Exception as error:  # noqa: BLE001 - if this loop died, receipts would go unstamped for ever
                log.bug("archive.not_stamped", error)
            await asyncio.sleep(interval.total_seconds())

    async def _stamp_waiting(self, stamp: TimeStamper) -> None:
        for of in (RECEIPTS, ACTS):
            while waiting := await asyncio.to_thread(self._unstamped, of):
                for key, seal in waiting:
                    token = await stamp(seal_value(seal.encode()))
                    await asyncio.to_thread(self._keep_stamp, of, key, token)

    async def _stamp_at_once(self, package_id: str, seal: str, stamp: TimeStamper) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                token = await stamp(seal_value(seal.encode()))
        except (PlatformError, TimeoutError):
            return  # it is stamped later, as decisions are
        self._keep_stamp(RECEIPTS, package_id, token)

    def _unstamped(self, of: _Stamped) -> list[tuple[str, str]]:
        query = (
            select(of.sealed.c.id, of.sealed.c.seal)
            .outerjoin(of.stamps)
            .where(of.key.is_(None))
            .order_by(of.since)
            .limit(ROUND)
        )
        with self.kernel.engine.connect() as connection:
            return [(row.id, row.seal) for row in connection.execute(query)]

    def _keep_stamp(self, of: _Stamped, key: str, token: bytes) -> None:
        row = {of.key.name: key, "token": token, "gen_time": parse_timestamp_token(token).gen_time}
        try:
            with self.kernel.engine.begin() as connection:
                connection.execute(insert(of.stamps).values(row))
        except IntegrityError:
            pass  # another process, or this one's other thread, has kept one


@dataclass(frozen=True, slots=True)
class _Stamped:
    """sealed: the table of what has a seal.  key: of its stamps, what they are of.  since: the oldest first."""

    sealed: Table
    stamps: Table
    key: ColumnElement[str]
    since: ColumnElement[datetime]


RECEIPTS = _Stamped(packages, receipt_stamps, receipt_stamps.c.package, packages.c.received_at)
ACTS = _Stamped(disposals, disposal_stamps, disposal_stamps.c.disposal, disposals.c.at)


def _kept_rows() -> Select[Any]:
    stamp = (receipt_stamps.c.token, receipt_stamps.c.gen_time)
    return select(packages, *stamp).outerjoin(receipt_stamps)


def _kept_until(judged: JudgedPackage, today: date) -> tuple[date | None, str]:
    """The last day by the country's law, and where it says so; what it says nothing of is kept for ever."""
    country: Country = "VN" if judged.country == "VN" else "EE"
    rule = profile(country).kept.get(judged.package.about.kind)
    return (None, "") if rule is None else (rule.last_day(today), rule.basis)


def _kept(row: Row[Any]) -> Kept:
    return Kept(
        id=row.id,
        sha256=row.sha256,
        size=row.size,
        kind=row.kind,
        label=row.label,
        submitter=row.submitter,
        received_at=row.received_at,
        keep_until=row.keep_until,
        receipt=row.receipt,
        seal=row.seal if row.token is None else stamped_seal(row.seal.encode(), bytes(row.token)).decode(),
        stamped_at=row.gen_time,
    )
