"""The population register: its database on the kernel, filled with synthetic people when it is empty."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, create_engine, exists, func, inspect, make_url, select
from sqlalchemy.exc import OperationalError

from sild.catalogue import NoticeKind
from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.decisions import DECISION_MIGRATIONS
from sild.documents import BIRTH_KIND, Sealer
from sild.errors import CallerError, Unavailable
from sild.registries.credentials import CredentialIssuer
from sild.registries.deciding import Certify, Deciding
from sild.registries.deciding.body import open_seal
from sild.registries.exchange import Ask
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Facts, Kernel, Use
from sild.registries.kernel.tables import facts
from sild.registries.population.anew import Anew
from sild.registries.population.annulling import seen_to_by_people
from sild.registries.population.archiving import Archiving
from sild.registries.population.birth_notice import Notified
from sild.registries.population.certificates import BirthCertificates
from sild.registries.population.evidence import CrossBorderEvidence
from sild.registries.population.filling import fill
from sild.registries.population.notifying import Notifying, Signed
from sild.registries.population.registration import people_of_registration
from sild.registries.population.tables import persons
from sild.registries.synthetic import synthetic_people
from sild.registries.tasks import TASK_MIGRATIONS, Tasks, Worker
from sild.rule_engine import RuleEngine

__all__ = ["PopulationRegister"]

MIGRATIONS = Path(__file__).parent / "migrations"


class PopulationRegister:
    """Thread-safe. What it does stands in persons.py, births.py, registration.py, life_events.py; all through `kernel`.

    notifying: who may give notice of births and deaths; nobody until whoever opens the register says.
    """

    def __init__(
        self,
        kernel: Kernel,
        deciding: Deciding,
        seal: Sealer,
        certificates: BirthCertificates,
        evidence: CrossBorderEvidence,
    ) -> None:
        self.kernel = kernel
        self.deciding = deciding
        deciding.people_of = people_of_registration
        self.tasks = Tasks(kernel.engine)
        self.archiving = Archiving(kernel, self.tasks, deciding, seal)
        self.certificates = certificates
        self.notifying = Notifying()
        self.evidence = evidence
        Anew(deciding, self.archiving)

    def notified(self, use: Use, signed: Signed, kind: NoticeKind, *, about: str | None) -> Notified:
        """Who gave the notice, by the country's clock. about: as `Notifying.notified`, and raises CallerError as that."""
        zone = self.kernel.zone
        return self.notifying.notified(
            signed, kind, use.usage, about=about, at=use.at, day=lambda at: at.astimezone(zone).date()
        )

    def worker(self, ask: Ask) -> Worker:
        """What it does by itself: acts go to the archive."""
        return Worker(self.kernel, self.tasks, {**self.archiving.handlers(ask), **seen_to_by_people()})

    @classmethod
    def open(
        cls,
        directory: Path,
        database_url: str | None = None,
        *,
        system: str,
        people: int = 4_000,
        issuer: str = "https://population.sild.example",
        zone: ZoneInfo | None = None,
        clock: Clock = system_clock,
        rules: RuleEngine | None = None,
        certify: Certify | None = None,
    ) -> PopulationRegister:
        """Open the register in `directory` (SQLite), or in another database; when nobody is in it, synthetic people move in.

        system: the information system, `/INSTANCE/CLASS/CODE/SUBSYSTEM`.  people: about how many.  issuer: URL of the certificates' issuer.
        rules: None: the process's own.  certify: see `open_body`.
        Raises Unavailable (`database_error`, `key_not_found`), CallerError (`outdated_database`).
        """
        url = database_url or sqlite_url(directory / "population.db")
        _ensure_on_facts(url)
        migrations = (TASK_MIGRATIONS, DECISION_MIGRATIONS, MIGRATIONS)
        kernel = Kernel.open(url, system, *migrations, zone=zone, clock=clock)

        def move_in(connection: Connection, empty: Facts) -> None:
            fill(connection, empty, synthetic_people(people), system.removeprefix("/"))

        kernel.fill_once(move_in)
        deciding = Deciding.open(kernel, directory, clock=clock, engine=rules, certify=certify)
        body = deciding.authority
        acts, papers = (
            open_seal(directory, of, body, name=body, at=kernel.now, certify=certify)
            for of in ("acts", "papers")
        )
        keys = CredentialIssuer.open(directory / "issuer-key.jwk", issuer, BIRTH_KIND, body=body)
        certificates = BirthCertificates(kernel, keys, papers)
        return cls(kernel, deciding, acts, certificates, CrossBorderEvidence(kernel, papers))

    def close(self) -> None:
        self.kernel.close()

    def count(self) -> int:
        """How many people it has known, dead or alive."""
        with self.kernel.engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(persons)) or 0

    def some_people(self, number: int) -> list[dict[str, str]]:
        """Living people with living children, for demonstrations, of both countries in turn; always the same ones.

        Each with `code`, `name`, `country` and `born`. Nobody asks here, so nothing is recorded: never offer it to others.
        """
        with self.kernel.engine.connect() as connection:
            found = [self._with_children(connection, country, number) for country in ("EE", "VN")]
            codes = [code for pair in zip(*found, strict=False) for code in pair][:number]
            known = Facts(connection, self.kernel.now)
            names = known.values_of(codes, ["given_names", "family_name", "born"], on=self.kernel.today)
        return [_shown(code, names[code]) for code in codes]

    def _with_children(self, connection: Connection, country: str, number: int) -> list[str]:
        """Youngest first."""
        child, died, child_died = facts.alias(), facts.alias(), facts.alias()
        dead = exists().where(
            died.c.entity == persons.c.code, died.c.name == "died", died.c.known_to.is_(None)
        )
        child_dead = exists().where(
            child_died.c.entity == child.c.entity,
            child_died.c.name == "died",
            child_died.c.known_to.is_(None),
        )
        with_child = exists().where(
            child.c.name == "parent", child.c.key == persons.c.code, child.c.known_to.is_(None), ~child_dead
        )
        query = (
            select(persons.c.code)
            .where(persons.c.country == country, ~dead, with_child)
            .order_by(persons.c.born.desc(), persons.c.code)
        )
        return list(connection.scalars(query.limit(number)))


def _shown(code: str, values: dict[str, Any]) -> dict[str, str]:
    country = parse_identity_code(code).country
    names = [values["given_names"], values["family_name"]]
    name = " ".join(names if country == "EE" else reversed(names))
    return {
        "code": code,
        "name": name,
        "country": country,
        "born": date.fromisoformat(values["born"]).isoformat(),
    }


def _ensure_on_facts(url: str) -> None:
    """A register of before Sild's facts is not brought over: its people were synthetic, and are made anew the same.

    Raises CallerError (`outdated_database`), saying what to do.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not (parsed.database and Path(parsed.database).exists()):
        return
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed, hide_parameters=True)
    try:
        tables = set(inspect(engine).get_table_names())
    except OperationalError as error:
        reason = str(error.orig).strip()
        raise Unavailable(f"database {parsed.render_as_string()}: {reason}", code="database_error") from error
    finally:
        engine.dispose()
    if "residences" in tables and "facts" not in tables:
        raise CallerError(
            f"{parsed.render_as_string()} is a population register of an earlier version of Sild. Keep a copy of it if you "
            "need its records of use, then remove it and start again; a demo is founded anew in an empty directory",
            code="outdated_database",
        )
