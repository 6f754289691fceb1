"""What the archive keeps no longer: the list for the archivist, the sealed act of disposal, and the content gone.

The act is recorded before a file is removed, in one transaction with a record of use that the people concerned find in the tracker:
a death between the two leaves a file to be removed, never a package that is gone without an act. Receipt, seal and hash stay: whoever
has a copy can prove what it is, and that the archive disposed of its own. Whom it was about stays in records of use alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, insert, select, update

from sild.documents import Sealer, canonical_json, seal_statement, stamped_seal
from sild.errors import CallerError, Unavailable
from sild.registries.archive.tables import disposal_stamps, disposals, disposed, packages
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Defect, Kernel, Usage, Use, refuse_defects
from sild.registries.profiles import profile

__all__ = ["Disposal", "Disposals", "Expired", "disposal_of"]

KIND = "disposal"
OPERATION = "disposePackage"
MAX_ORDER = 200


@dataclass(frozen=True, slots=True)
class Expired:
    """A package whose time is over. keep_until: the last day on which it had to be kept.  basis: of the rule."""

    id: str
    kind: str
    country: str
    submitter: str
    received_at: datetime
    keep_until: date
    basis: str


@dataclass(frozen=True, slots=True)
class Disposal:
    """act: canonical JSON; seal: of it, by the archive, with its time-stamp.  stamped_at: None: no authority has given one yet."""

    id: str
    at: datetime
    act: str
    seal: str
    packages: tuple[str, ...]
    stamped_at: datetime | None = None


class Disposals:
    """Of one archive. store: the directory of its packages."""

    def __init__(self, kernel: Kernel, store: Path, seal: Sealer | None = None) -> None:
        """seal: None: to look only."""
        self._kernel = kernel
        self._store = store
        self._seal = seal

    def expired(self) -> tuple[Expired, ...]:
        """The oldest first. What the law says today counts as well as what the receipt says: the longer time holds."""
        held = packages.c
        query = (
            select(packages)
            .outerjoin(disposed)
            .where(disposed.c.package.is_(None), held.keep_until < self._kernel.today)
            .order_by(held.keep_until, held.id)
        )
        with self._kernel.engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(one for row in rows if (one := _expired(row, self._kernel.today)) is not None)

    def dispose(self, wanted: Sequence[str], *, by: str, order: str) -> tuple[Disposal, ...]:
        """Of all of them or, when one may not, of none; an act for each legal ground. The files are gone when it returns.

        wanted: ids.  by: the archivist, with the country (`EE38001085718`).  order: by whose leave, its number.
        Raises Defects (`not_disposable`): a package with its reason (`unknown_package`, `not_expired`, `disposed_before`);
        CallerError (`bad_request`): nobody decides, or by no order; Unavailable (`store_failed`): recorded, and files are left.
        """
        parse_identity_code(by[2:])
        if not wanted or not order.strip() or len(order) > MAX_ORDER or not order.isprintable():
            raise CallerError("a disposal names packages and an order", code="bad_request")
        due = {one.id: one for one in self.expired()}
        self._refuse_others(wanted, due)
        by_ground: dict[str, list[Expired]] = {}
        for package in dict.fromkeys(wanted):
            by_ground.setdefault(due[package].basis, []).append(due[package])
        made = tuple(
            self._record(found, ground, by, order.strip()) for ground, found in sorted(by_ground.items())
        )
        self.remove_files()
        return made

    def remove_files(self) -> int:
        """Of all that was disposed of; what an earlier run left, too. How many. Raises Unavailable (`store_failed`)."""
        left = select(disposed.c.package, packages.c.sha256).join(packages).where(~disposed.c.is_gone)
        with self._kernel.engine.connect() as connection:
            rows = connection.execute(left).all()
        for row in rows:
            try:
                self._file(row.sha256).unlink(missing_ok=True)
            except OSError as error:
                raise Unavailable("a package cannot be removed", code="store_failed") from error
            with self._kernel.engine.begin() as connection:
                this = disposed.c.package == row.package
                connection.execute(update(disposed).where(this).values(is_gone=True))
        return len(rows)

    def _refuse_others(self, wanted: Sequence[str], due: dict[str, Expired]) -> None:
        with self._kernel.engine.connect() as connection:
            known = set(connection.scalars(select(packages.c.id).where(packages.c.id.in_(wanted))))
            before = set(connection.scalars(select(disposed.c.package).where(disposed.c.package.in_(wanted))))
        defects = [
            Defect(_reason(one, known, before), one) for one in dict.fromkeys(wanted) if one not in due
        ]
        refuse_defects("not all of them may be disposed of", code="not_disposable", defects=defects)

    def _record(self, found: Sequence[Expired], ground: str, by: str, order: str) -> Disposal:
        assert self._seal is not None, "somebody who only looks disposes of nothing"
        disposal = f"disposal-{uuid4()}"
        system = self._kernel.system.strip("/")
        usage = Usage(system, disposal, user_id=by, basis=ground)
        with self._kernel.used(OPERATION, usage) as use:
            use.alone("disposals")
            rows = [self._row(use, one.id) for one in found]
            act = canonical_json(
                {
                    "kind": KIND,
                    "disposal": disposal,
                    "archive": system,
                    "disposed_at": use.at.isoformat(),
                    "by": by,
                    "order": order,
                    "basis": ground,
                    "packages": [_told(row) for row in rows],
                }
            )
            seal = seal_statement(act, self._seal).decode()
            use.connection.execute(
                insert(disposals).values(id=disposal, at=use.at, act=act.decode(), seal=seal)
            )
            for row in rows:
                use.concerns(*row.persons)
                use.connection.execute(
                    insert(disposed).values(package=row.id, disposal=disposal, is_gone=False)
                )
                forgotten = update(packages).where(packages.c.id == row.id)
                use.connection.execute(forgotten.values(persons=[], case=None))
            return Disposal(disposal, use.at, act.decode(), seal, tuple(row.id for row in rows))

    def _row(self, use: Use, package: str) -> Row[Any]:
        """Raises CallerError (`not_disposable`): another archivist was faster."""
        gone = select(disposed.c.package).where(disposed.c.package == package)
        if use.connection.scalar(gone) is not None:
            raise CallerError(f"{package} was disposed of before", code="not_disposable")
        return use.connection.execute(select(packages).where(packages.c.id == package)).one()

    def _file(self, sha256: str) -> Path:
        return self._store / sha256[:2] / f"{sha256}.tar"


def disposal_of(connection: Connection, package: str) -> Disposal | None:
    """The act by which the archive disposed of a package; None: it is there."""
    stamp = (disposal_stamps.c.token, disposal_stamps.c.gen_time)
    query = select(disposals, *stamp).join(disposed).outerjoin(disposal_stamps)
    row = connection.execute(query.where(disposed.c.package == package)).one_or_none()
    if row is None:
        return None
    seal = row.seal if row.token is None else stamped_seal(row.seal.encode(), bytes(row.token)).decode()
    return Disposal(row.id, row.at, row.act, seal, (package,), row.gen_time)


def _expired(row: Row[Any], today: date) -> Expired | None:
    """None: the law of today keeps it longer, or for ever."""
    rule = profile("VN" if row.country == "VN" else "EE").kept.get(row.kind)
    if rule is None:
        return None
    last = max(row.keep_until, rule.last_day(row.received_at.date()) or date.max)
    if last >= today:
        return None
    return Expired(row.id, row.kind, row.country, row.submitter, row.received_at, last, rule.basis)


def _reason(package: str, known: set[str], before: set[str]) -> str:
    if package in before:
        return "disposed_before"
    return "not_expired" if package in known else "unknown_package"


def _told(row: Row[Any]) -> dict[str, Any]:
    """Nothing of anybody: who reads the act later learns which package, and that it was whole."""
    return {
        "package": row.id,
        "sha256": row.sha256,
        "size": row.size,
        "kind": row.kind,
        "submitter": row.submitter,
        "received_at": row.received_at.isoformat(),
        "keep_until": row.keep_until.isoformat(),
        "receipt_sha256": hashlib.sha256(row.receipt.encode()).hexdigest(),
    }
