"""Birth certificates: for the person, the parents of today and the guardian, each by themselves or through whoever acts for them.

A certificate is made from the entry as it stood on the day of registration, by what the register knows now. It is issued when it is
first asked for, and the same again until a fact under it is corrected: then what was issued is on the status list of the revoked,
and the next one has a new number. Of a stillborn child there is none; of one that died, where the country's law gives one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row, insert, select, update

from sild.catalogue import Certificate
from sild.documents import BirthEntry, Born, Sealer, birth_certificate_pdf, birth_presentation, seal_pdf
from sild.errors import CallerError
from sild.registries.credentials import CredentialIssuer
from sild.registries.kernel import Fact, Kernel, Usage, Use
from sild.registries.population.births import REGISTRATION
from sild.registries.population.persons import read_persons, require_person
from sild.registries.population.protection import is_kept
from sild.registries.population.records import Birth, Person
from sild.registries.population.registration import read_birth
from sild.registries.population.tables import birth_certificates
from sild.registries.profiles import profile

__all__ = ["BirthCertificates", "EntitledTo", "Issued", "revoke_certificates", "revoke_corrected"]

LAYOUT = "birth"
CHECKED_FOR = timedelta(days=3650)
RENEWED_BEFORE = timedelta(days=365)
PRINTED = frozenset(("given_names", "family_name", "born", "sex", "birth_place", "citizenship", "parent"))
"""Facts whose correction makes what was issued wrong: of the child, of a parent."""

Relation = Literal["self", "child", "ward"]


@dataclass(frozen=True, slots=True)
class EntitledTo:
    """entry: id of the decision that registered the birth.  relation: of the child to whoever has the right."""

    entry: str
    birth: Birth
    relation: Relation


@dataclass(frozen=True, slots=True)
class Issued:
    """decision: record of the registration it proves."""

    face: BirthEntry
    layout: Certificate
    decision: str

    @property
    def presentation(self) -> str:
        return birth_presentation(self.face.credential, place_is_kept=self.face.place_is_kept)


class BirthCertificates:
    """issuer: of the credentials.  seal: of papers, the register's own."""

    def __init__(self, kernel: Kernel, issuer: CredentialIssuer, seal: Sealer) -> None:
        self.issuer = issuer
        self._kernel = kernel
        self._seal = seal

    def of(self, person: str, usage: Usage) -> tuple[EntitledTo, ...]:
        """Of which births the person may have a certificate. Raises InvalidIdentityCode, CallerError (`unknown_person`, `not_entitled`)."""
        with self._kernel.used("listBirthCertificates", usage) as use:
            return _entitled(use, person)

    def issue(
        self, person: str, entry: str, usage: Usage, *, operation: str = "getBirthCertificate"
    ) -> Issued:
        """Raises as `of` does; CallerError (`no_certificate`)."""
        with self._kernel.used(operation, usage) as use:
            found = next((one for one in _entitled(use, person) if one.entry == entry), None)
            if found is None:
                raise CallerError("there is no such certificate for this person", code="no_certificate")
            return self._issue(use, found, person)

    def paper(self, person: str, entry: str, language: str, usage: Usage) -> bytes:
        """The certificate as a sealed PDF. Raises as `issue` does."""
        issued = self.issue(person, entry, usage, operation="printBirthCertificate")
        pdf = birth_certificate_pdf(issued.face, issued.layout, language, at=self._kernel.now)
        return seal_pdf(pdf, self._seal, self._kernel.stamp)

    def status_list(self) -> str:
        """JWT; tells nothing about anybody who shows no certificate."""
        listed = birth_certificates.c
        with self._kernel.engine.connect() as connection:
            revoked = connection.scalars(select(listed.id).where(listed.state == "revoked")).all()
        return self.issuer.status_list(revoked, at=self._kernel.now)

    def _issue(self, use: Use, found: EntitledTo, person: str) -> Issued:
        birth, layout = found.birth, _layout(found.birth)
        assert layout is not None and birth.registered_at is not None
        registered = datetime.fromisoformat(birth.registered_at).astimezone(self._kernel.zone).date()
        child, mother, father = _entered(use, birth, registered)
        row = self._valid(use, child.code, _claims(child, mother, father, registered), layout)
        face = BirthEntry(
            number=row.claims["certificate_number"],
            child=_born(child),
            mother=_born(mother) if mother else None,
            father=_born(father) if father else None,
            birth_place=child.birth_place,
            registered_on=registered,
            issued_on=row.issued_at.astimezone(self._kernel.zone).date(),
            credential=row.credential,
            place_is_kept=is_kept(
                use, [one.code for one in (child, mother, father) if one], person, use.usage.actor
            ),
        )
        return Issued(face, layout, found.entry)

    def _valid(self, use: Use, child: str, claims: Mapping[str, Any], layout: Certificate) -> Row[Any]:
        """The one that holds; a new one where it would say something else, or is soon too old to be checked."""
        use.alone(f"certificate/{child}")
        of_child = (birth_certificates.c.child == child, birth_certificates.c.state == "valid")
        newest = select(birth_certificates).where(*of_child).order_by(birth_certificates.c.id.desc()).limit(1)
        row = use.connection.execute(newest).one_or_none()
        if row is not None and _content(row.claims) == claims:
            if use.at < row.issued_at + CHECKED_FOR - RENEWED_BEFORE:
                return row
        elif row is not None:
            revoke_certificates(use, [child])
        fresh = {"child": child, "claims": dict(claims), "state": "valid", "issued_at": use.at}
        key = use.connection.scalar(
            insert(birth_certificates).values(fresh).returning(birth_certificates.c.id)
        )
        assert key is not None
        whole = {**claims, "certificate_number": layout.number.format(year=use.today.year, number=key)}
        credential = self.issuer.issue(whole, at=use.at, until=use.at + CHECKED_FOR, status_index=key)
        this = birth_certificates.c.id == key
        use.connection.execute(
            update(birth_certificates).where(this).values(claims=whole, credential=credential)
        )
        return use.connection.execute(select(birth_certificates).where(this)).one()


def revoke_certificates(use: Use, children: Collection[str]) -> None:
    """What was issued about these births no longer holds."""
    listed = birth_certificates.c
    changing = update(birth_certificates).where(listed.child.in_(children), listed.state == "valid")
    use.connection.execute(changing.values(state="revoked", revoked_at=use.at))


def revoke_corrected(use: Use, fact: Fact) -> None:
    """In the transaction of a fact's correction: of the person, and of their children, whose certificates name them."""
    if fact.name in PRINTED:
        links = use.facts.entities_with("parent", fact.entity, on=use.today)
        revoke_certificates(use, [fact.entity, *(link.entity for link in links)])


# --- who may have one


def _entitled(use: Use, person: str) -> tuple[EntitledTo, ...]:
    """The system that asks vouches for the mandate; that it is this person's word the register sees itself."""
    require_person(use, person)
    if use.usage.principal != person:
        raise CallerError("only for the person, or whoever acts for them", code="not_entitled")
    relations: dict[str, Relation] = {person: "self"}
    for name, relation in (("guardian", "ward"), ("parent", "child")):
        links = use.facts.entities_with(name, person, on=use.today)
        relations |= {link.entity: relation for link in links}  # type: ignore[misc]  # the closed set of `Relation`
    known = use.facts.current_of(list(relations), [REGISTRATION], on=use.today)
    births = [read_birth(use, code) for code, facts in known.items() if facts]
    ordered = sorted(births, key=lambda birth: (birth.child.born, birth.child.code))
    return tuple(
        EntitledTo(birth.decision, birth, relations[birth.child.code])
        for birth in ordered
        if birth.decision is not None and _can_be_had(birth)
    )


def _can_be_had(birth: Birth) -> bool:
    layout = _layout(birth)
    if layout is None or birth.registered_at is None:
        return False
    return birth.status == "REGISTERED" or (birth.status == "DEAD" and layout.after_death)


def _layout(birth: Birth) -> Certificate | None:
    return profile(birth.child.country).certificates.get(LAYOUT)


# --- what it says


def _entered(use: Use, birth: Birth, on: date) -> tuple[Person, Person | None, Person | None]:
    """As they were when the birth was registered: a name that changed later is not the entry's."""
    (child,) = read_persons(use, [birth.child.code], on=on)
    parents = [code for code in (child.mother, child.father) if code is not None]
    known = {one.code: one for one in read_persons(use, parents, on=on)}
    mother, father = (known.get(code) if code else None for code in (child.mother, child.father))
    return child, mother, father


def _claims(child: Person, mother: Person | None, father: Person | None, registered: date) -> dict[str, str]:
    """Each can be shown alone; what is not known is no claim."""
    said = {
        "given_names": child.given_names,
        "family_name": child.family_name,
        "personal_administrative_number": child.code,
        "birthdate": child.born.isoformat(),
        "place_of_birth": child.birth_place,
        "mother_name": mother.full_name if mother else None,
        "father_name": father.full_name if father else None,
        "registered_on": registered.isoformat(),
    }
    return {name: value for name, value in said.items() if value}


def _content(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name != "certificate_number"}


def _born(person: Person) -> Born:
    return Born(
        code=person.code,
        country=person.country,
        given_names=person.given_names or "",
        family_name=person.family_name or "",
        born=person.born,
        sex=person.sex,
        citizenships=person.citizenships,
    )
