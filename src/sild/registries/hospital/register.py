"""Notices of birth, stillbirth and death: written down, signed by who wrote them, then sent until the population register has taken them.

Sent again it is the same message, so the register opens one record, however often the line breaks. What it refuses (an unknown
mother, a date that cannot be) stays in the ward's list with the reason, for people to set right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Row, and_, insert, or_, select, update

from sild.catalogue import NoticeKind
from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.errors import CallerError
from sild.events import Event
from sild.registries.exchange import Ask, Because
from sild.registries.fhir import FHIR_JSON, canonical_bundle
from sild.registries.hospital.bundle import Birth, Death, birth_bundle, bundle_signature, death_bundle
from sild.registries.hospital.tables import notices
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Kernel, Usage, Use
from sild.registries.profiles import notice_ground
from sild.registries.tasks import TASK_MIGRATIONS, ActingRegister, Effect, Handler, Task
from sild.signatures import read_signed_document

__all__ = ["HospitalRegister", "NewBirth", "Notice"]

MIGRATIONS = Path(__file__).parent / "migrations"
SYSTEM = "/SILD/COM/90000001/hospital"
SIGNED_ANEW = ("notice_too_old", "invalid_signature", "may_not_notify", "signature_missing")
"""Refusals after which the same notice may be signed once more."""


@dataclass(frozen=True, slots=True)
class NewBirth:
    """As it is written down in the ward. Fields as in `Birth`."""

    mother: str
    father: str | None
    sex: str
    born: datetime
    stillborn: bool = False
    multiple: int | None = None
    child: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """state: unsigned, withdrawn, waiting, arrived, review (people at the register look at it), refused.

    answer: of the register, or its refusal.  content: what is sent.
    """

    id: int
    number: str
    kind: str
    person: str
    author: str
    state: str
    answer: Mapping[str, Any]
    content: Mapping[str, Any]
    was_signed: bool
    written_at: datetime
    arrived_at: datetime | None

    @property
    def is_to_be_signed(self) -> bool:
        """Its author has not signed it, or may sign it anew."""
        anew = self.state == "refused" and self.answer.get("code") in SIGNED_ANEW
        return self.state == "unsigned" or anew


class HospitalRegister(ActingRegister):
    def __init__(self, kernel: Kernel, name: str, place: str) -> None:
        super().__init__(kernel, silenced_types=[], silenced_kinds=[])
        self.name = name
        self.place = place

    @classmethod
    def open(
        cls,
        directory: Path,
        database_url: str | None = None,
        *,
        system: str = SYSTEM,
        name: str = "Tartu Ülikooli Kliinikum",
        place: str = "Tartu linn",
        zone: ZoneInfo | None = None,
        clock: Clock = system_clock,
    ) -> Self:
        """name: of the hospital, as notices give it.  place: where it is. Raises Unavailable (`database_error`)."""
        directory.mkdir(parents=True, exist_ok=True)
        url = database_url or sqlite_url(directory / "hospital.db")
        return cls(Kernel.open(url, system, TASK_MIGRATIONS, MIGRATIONS, zone=zone, clock=clock), name, place)

    def effects(self) -> Mapping[str, Effect]:
        return {}

    def silenced(self, use: Use, event: Event, reason: str) -> None:
        """The ward knows already; nothing here waits for the family."""

    # --- the ward

    def note_birth(self, birth: NewBirth, *, author: str, token: str) -> Notice:
        """Nothing is sent before `signed`. author: code of who writes it, and signs.  token: of the form; the same again is the same notice.

        Raises InvalidIdentityCode, CallerError (`date_out_of_range`, `bad_request`, `may_not_notify`).
        """
        if birth.sex not in ("female", "male") or not (birth.multiple is None or 1 <= birth.multiple <= 9):
            raise CallerError("sex is female or male; of twins the first is 1", code="bad_request")
        if birth.child and not birth.stillborn:
            raise CallerError("a living child gets its code from the register", code="child_is_living")
        kind: NoticeKind = "stillbirth" if birth.stillborn else "birth"
        for code in (birth.mother, birth.father, birth.child):
            if code:
                parse_identity_code(code)

        def content(number: str, at: datetime) -> dict[str, Any]:
            told = Birth(
                number=number,
                mother=birth.mother,
                father=birth.father,
                sex="female" if birth.sex == "female" else "male",
                born=self.kernel.aware(birth.born),
                stillborn=birth.stillborn,
                multiple=birth.multiple,
                place=self.place,
                child=birth.child,
            )
            return birth_bundle(told, hospital=self._member_code, name=self.name, at=at)

        return self._note(kind, birth.mother, content, author=author, token=token)

    def note_death(
        self, person: str, died: date, *, author: str, token: str, full_name: str | None = None
    ) -> Notice:
        """As `note_birth`, of whoever died. Raises InvalidIdentityCode, CallerError (`date_out_of_range`, `may_not_notify`)."""
        parse_identity_code(person)
        if died > self.kernel.today:
            raise CallerError("a death is noted after it has happened", code="date_out_of_range")

        def content(number: str, at: datetime) -> dict[str, Any]:
            told = Death(number, person, full_name, died, self.name)
            return death_bundle(told, hospital=self._member_code, name=self.name, at=at)

        return self._note("death", person, content, author=author, token=token)

    def to_be_signed_by(self, author: str) -> list[Notice]:
        """All of them, however many others wrote since; the oldest first."""
        anew = and_(notices.c.state == "refused", notices.c.answer["code"].as_string().in_(SIGNED_ANEW))
        query = select(notices).where(notices.c.author == author, or_(notices.c.state == "unsigned", anew))
        with self.kernel.engine.connect() as connection:
            return [_notice(row) for row in connection.execute(query.order_by(notices.c.id))]

    def notices(self, limit: int = 20) -> list[Notice]:
        """The newest first."""
        query = select(notices).order_by(notices.c.id.desc()).limit(limit)
        with self.kernel.engine.connect() as connection:
            return [_notice(row) for row in connection.execute(query)]

    def _note(
        self,
        kind: NoticeKind,
        person: str,
        content: Callable[[str, datetime], dict[str, Any]],
        *,
        author: str,
        token: str,
    ) -> Notice:
        parse_identity_code(author)
        basis = notice_ground(kind, parse_identity_code(person).country)
        if not 8 <= len(token) <= 100:
            raise CallerError("the form has no token", code="bad_request")
        with self.kernel.used("writeNotice", self._usage(f"ward-{token}", author, basis)) as use:
            use.alone("notices")
            use.concerns(person)
            known = use.connection.execute(select(notices).where(notices.c.token == token)).one_or_none()
            if known is not None:
                return _notice(known)
            key = use.connection.scalar(
                insert(notices)
                .values(
                    token=token,
                    kind=kind,
                    person=person,
                    content={},
                    author=author,
                    state="unsigned",
                    answer={},
                    written_at=use.at,
                )
                .returning(notices.c.id)
            )
            number = f"{use.at.year}-{key:06d}"
            changing = update(notices).where(notices.c.id == key).returning(notices)
            row = use.connection.execute(
                changing.values(number=number, content=content(number, use.at))
            ).one()
            return _notice(row)

    def ensure_to_be_signed(self, key: int, author: str) -> Notice:
        """Raises CallerError (`not_to_be_signed`): another's, or not waiting for a signature."""
        notice = self.notice(key)
        if notice.author != author or not notice.is_to_be_signed:
            raise CallerError("whoever wrote a notice signs it, once", code="not_to_be_signed")
        return notice

    def signed(self, key: int, author: str, container: bytes) -> Notice:
        """The author's signature over the notice, as ASiC-E: it goes out now. The same again changes nothing.

        Raises CallerError (`not_to_be_signed`, `signature_refused`), PeerError.
        """
        signed = read_signed_document(container)
        with self.kernel.used("signNotice", self._usage(f"sign-{uuid4()}", author, self._basis(key))) as use:
            use.alone(f"notice/{key}")
            row = use.connection.execute(select(notices).where(notices.c.id == key)).one()
            use.concerns(row.person)
            notice = _notice(row)
            if notice.author == author and notice.was_signed and not notice.is_to_be_signed:
                return notice
            if notice.author != author or not notice.is_to_be_signed:
                raise CallerError("whoever wrote a notice signs it, once", code="not_to_be_signed")
            if signed.document != canonical_bundle(row.content):
                raise CallerError("the signature is of another notice", code="signature_refused")
            mark = bundle_signature(signed.signature, author=author, hospital=self.name, at=use.at)
            count = row.signatures + 1
            values = {
                "content": {**row.content, "signature": mark},
                "state": "waiting",
                "answer": {},
                "signed_at": use.at,
                "signatures": count,
            }
            changed = update(notices).where(notices.c.id == key).values(**values).returning(notices)
            row = use.connection.execute(changed).one()
            anew = f"/{count}" if count > 1 else ""
            self.tasks.add(use, "notice", f"{key}{anew}", cause=f"notice/{row.number}{anew}")
            return _notice(row)

    def withdraw(self, key: int, author: str) -> Notice:
        """What was not signed is not to be sent. Raises CallerError (`not_to_be_signed`)."""
        with self.kernel.used(
            "withdrawNotice", self._usage(f"withdraw-{uuid4()}", author, self._basis(key))
        ) as use:
            use.alone(f"notice/{key}")
            row = use.connection.execute(select(notices).where(notices.c.id == key)).one_or_none()
            if row is None or row.author != author or row.state not in ("unsigned", "withdrawn"):
                raise CallerError("only what one wrote and did not sign", code="not_to_be_signed")
            use.concerns(row.person)
            changed = update(notices).where(notices.c.id == key).values(state="withdrawn").returning(notices)
            return _notice(use.connection.execute(changed).one())

    def notice(self, key: int) -> Notice:
        """Raises CallerError (`not_found`)."""
        with self.kernel.engine.connect() as connection:
            row = connection.execute(select(notices).where(notices.c.id == key)).one_or_none()
        if row is None:
            raise CallerError("no such notice", code="not_found")
        return _notice(row)

    def _usage(self, message_id: str, author: str, basis: str) -> Usage:
        return Usage(self.kernel.system.removeprefix("/"), message_id, user_id=author, basis=basis)

    def _basis(self, key: int) -> str:
        """By which law a notice that was written is given; `ward` of one there is not, or that no law lets anybody give any more."""
        with self.kernel.engine.connect() as connection:
            row = connection.execute(select(notices).where(notices.c.id == key)).one_or_none()
        if row is None:
            return "ward"
        try:
            return notice_ground(row.kind, parse_identity_code(row.person).country)
        except CallerError:
            return "ward"

    @property
    def _member_code(self) -> str:
        return self.kernel.system.strip("/").split("/")[2]

    # --- on its way

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        async def notice(task: Task) -> Callable[[Use], None]:
            row = self._row(int(task.subject.partition("/")[0]))
            country = parse_identity_code(row.author).country
            try:
                basis = notice_ground(row.kind, parse_identity_code(row.person).country)
                because = Because(basis, key=task.cause, user_id=f"{country}{row.author}")
                told = await ask.send(
                    "population", [_path(row)], row.content, because=because, content_type=FHIR_JSON
                )
            except CallerError as refusal:
                reason = {"code": refusal.code, "detail": refusal.message}
                return lambda use: self._arrived(use, row.id, "refused", reason)
            state = "review" if told.body.get("outcome") == "REVIEW" else "arrived"
            return lambda use: self._arrived(use, row.id, state, told.body)

        return {"notice": notice}

    def _row(self, key: int) -> Row[Any]:
        with self.kernel.engine.connect() as connection:
            return connection.execute(select(notices).where(notices.c.id == key)).one()

    def _arrived(self, use: Use, key: int, state: str, answer: Mapping[str, Any]) -> None:
        values = {"state": state, "answer": answer, "arrived_at": use.at}
        use.connection.execute(update(notices).where(notices.c.id == key).values(**values))


def _path(row: Row[Any]) -> str:
    """Of the population register: a stillborn child that was recorded as living has a code there."""
    if row.kind == "death":
        return "deaths"
    patient = row.content["entry"][0]["resource"]
    return "stillbirths" if "identifier" in patient else "birth-notices"


def _notice(row: Row[Any]) -> Notice:
    return Notice(
        id=row.id,
        number=row.number,
        kind=row.kind,
        person=row.person,
        author=row.author,
        state=row.state,
        answer=row.answer,
        content=row.content,
        was_signed=row.signatures > 0,
        written_at=row.written_at,
        arrived_at=row.arrived_at,
    )
