"""A country as data: languages, days, money, divisions with dates, who is competent when, and its service deadlines.

Divisions and competence are effective-dated: an old commune keeps its name and leads to its successor, and the office that
was competent on a day stays so for that day (Viet Nam's district tier ended on 1 July 2025, Decree 118/2025).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from sild.catalogue.calendar import WorkingDays
from sild.errors import CallerError

__all__ = [
    "BirthGround",
    "Certificate",
    "Competence",
    "Deadline",
    "Division",
    "NoticeKind",
    "Profile",
    "Remedy",
    "parse_profile",
]

Signing = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]*\.[A-Z][A-Z_]*$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Division(_Part):
    """A unit of administration. ended: the first day on which it is no more.  successors: what it became, codes."""

    code: str
    name: str
    tier: Word  # province, district, commune; county, municipality
    parent: str | None = None
    began: date
    ended: date | None = None
    successors: tuple[str, ...] = ()

    def exists_on(self, day: date) -> bool:
        return self.began <= day and (self.ended is None or day < self.ended)


class Competence(_Part):
    """Which tier decides a matter, from a day on and until another.

    tier: None, the whole state: the topmost unit answers for a place.  within: a filing may be received anywhere in this tier.
    """

    matter: Word
    tier: Word | None = None
    office: Mapping[str, str]
    basis: str
    began: date
    ended: date | None = None
    within: Word | None = None


class Deadline(_Part):
    """value: in working days, or in days or months of the calendar.  basis: where the law says so."""

    value: int
    unit: Literal["working_days", "days", "months", "years"]
    basis: str


class Fee(_Part):
    """What a remedy costs. amount: a decimal string; `0`, nothing.  basis: where the law says so."""

    amount: Annotated[str, StringConstraints(pattern=r"^(0|[1-9]\d*)(\.\d+)?$")] = "0"
    basis: str


class BirthGround(_Part):
    """What a birth outside a hospital, or not told of by one, is registered on. basis: where the law says so.  title: by language."""

    code: Word
    basis: str
    title: Mapping[str, str]


class Remedy(_Part):
    """What a person may do against a decision. deadline: from the day after it was delivered.  form: where to begin, a path.

    body: who hears it, in general; `bodies`: by name, by the member that decided (`GOV/70000004`).  suspends: the decision has no effect until then.  basis: where the law says that, or does not.
    runs_from: what the time runs from, for each person: `opened`, when they learned of it; `delivered`, when it came to them; None: the decision.
    costs: None: the law does not tell.
    """

    name: Mapping[str, str]
    body: Mapping[str, str]
    bodies: Mapping[str, Mapping[str, str]] = {}
    deadline: Deadline
    suspends: bool
    suspends_basis: str
    form: str
    runs_from: Literal["delivered", "opened"] | None = None
    costs: Fee | None = None


class Records(_Part):
    """What the country's law says of every record of a decision.

    unheard: the ground on which nobody has to be heard before a rule decides; None: no law demands a hearing then.
    unheard_when: the ground for what is in the person's favour (`favourable`), for what follows from what they and the registers said
    (`as_given`), and for what cannot wait (`urgent`); else `unheard`.
    kept_years: after that sealed values are shredded.  kept_basis: where the law says so.
    """

    unheard: str | None = None
    unheard_when: Mapping[Literal["favourable", "as_given", "urgent"], str] = {}
    kept_years: int = 10
    kept_basis: str = "profile"

    def kept_until(self, decided: date) -> date:
        """The last day on which sealed values are kept."""
        return _years_later(decided, self.kept_years)


class Consultation(_Part):
    """How an office asks another body from a case: by `consultation` among deadlines and grounds.

    bodies: names of registers whose bodies answer.  stops: whether the case's clocks stand until the answer, or its last day.
    stops_basis: where the law says that, or does not.
    """

    bodies: tuple[Word, ...] = ()
    stops: bool = False
    stops_basis: str = "profile"


class Linked(_Part):
    """What one submission sets going at several bodies, and one day is promised for: the latest of these clocks.

    begins: the action from which all of them count, whoever is first.  clocks: of the service.  basis: where it is said.
    """

    title: Mapping[str, str]
    begins: str
    clocks: Annotated[tuple[str, ...], Field(min_length=2)]
    basis: str


class Keeping(_Part):
    """How long an archive keeps records of a kind. years: None: for ever.  basis: where the law says so."""

    years: int | None = None
    basis: str

    def last_day(self, received: date) -> date | None:
        """Until when what was received on a day is kept, at the least: that day of the month, or its last; None: for ever."""
        if self.years is None:
            return None
        return _years_later(received, self.years)


class CertificateRow(_Part):
    """show: `family_name`, `born`, ... of whom the section is about.  label: the country's own word for it, by language."""

    show: Word
    label: Mapping[str, str]


class CertificateSection(_Part):
    of: Literal["child", "mother", "father", "entry"]
    title: Mapping[str, str] | None = None
    rows: tuple[CertificateRow, ...]


class Certificate(_Part):
    """A paper about an entry of civil status, in the country's own words and order. basis: where the law gives a right to it.

    after_death: it can be had of somebody who has died, too.  number: `{number}` and `{year}` in the country's way.  heading: lines
    above the title, by language.
    """

    basis: str
    after_death: bool = False
    number: str
    heading: tuple[Mapping[str, str], ...] = ()
    title: Mapping[str, str]
    issuer: Mapping[str, str]
    sections: tuple[CertificateSection, ...]


class Payer(_Part):
    """The account from which a country's treasury pays, as its bank writes it, and whose it is."""

    name: str
    account: str


class Days(_Part):
    """Days off, and days worked, against the general rule."""

    free: tuple[date, ...] = ()
    working: tuple[date, ...] = ()


NoticeKind = Literal["birth", "stillbirth", "death"]


class NoticeLaw(_Part):
    """Who signs a hospital's notice of a birth, a stillbirth or a death, and where the law says so. professions: `midwife`, `doctor`."""

    professions: Annotated[tuple[Word, ...], Field(min_length=1)]
    basis: str


class Profile(_Part):
    """country: ISO 3166-1.  languages: the official one first.  zone: of the IANA database.  currency: ISO 4217.

    deciding: registers in which officials decide.  grounds: provisions on which any service rests, by what they are for: `conflict`, `consultation`, `figures`, `contest`, `discretion`, `treasury`, `telling`, `name_by_office`.

    linked: by service.

    pays_from: the treasury's account; none: nothing is paid in its currency.

    birth_grounds: on what a birth is entered of which no hospital gave notice.

    notices: of hospitals: `birth`, `stillbirth`, `death`; of what is not here nobody gives notice.

    kept: in the archive, by kind of record (`birth-registration`).  certificates: by what they are about (`birth`).

    signatures: actions of screens that people sign with a key of their own, beside those whose screens say so: `birth.cosign.COSIGN`.

    bound: decisions that a rule makes by itself when every check is green and nothing is left to discretion; else an official does.
    """

    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    names: Mapping[str, str]
    languages: tuple[str, ...]
    zone: str
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    days: Days = Days()
    deadlines: Mapping[Word, Deadline] = {}
    linked: Mapping[Word, Linked] = {}
    bound: tuple[Word, ...] = ()
    signatures: tuple[Signing, ...] = ()
    remedies: Mapping[Word, Remedy] = {}
    records: Records = Records()
    consultation: Consultation = Consultation()
    deciding: tuple[Word, ...] = ()
    kept: Mapping[str, Keeping] = {}
    certificates: Mapping[Word, Certificate] = {}
    birth_grounds: tuple[BirthGround, ...] = ()
    notices: Mapping[NoticeKind, NoticeLaw] = {}
    pays_from: Payer | None = None
    grounds: Mapping[Word, str] = {}
    divisions: tuple[Division, ...] = ()
    competence: tuple[Competence, ...] = ()

    @model_validator(mode="after")
    def _refers_to_itself(self) -> Profile:
        codes = {division.code for division in self.divisions}
        for division in self.divisions:
            unknown = {*division.successors, division.parent} - codes - {None}
            if unknown:
                raise ValueError(f"division {division.code} refers to {', '.join(map(str, unknown))}")
            if division.ended is not None and not division.successors:
                raise ValueError(f"division {division.code} ended and has no successor")
        return self

    @cached_property
    def working_days(self) -> WorkingDays:
        return WorkingDays(self.country, free=self.days.free, working=self.days.working)

    @cached_property
    def _divisions(self) -> dict[str, Division]:
        return {division.code: division for division in self.divisions}

    def division(self, code: str) -> Division:
        """As it is or was. Raises CallerError (`unknown_division`)."""
        found = self._divisions.get(code)
        if found is None:
            raise CallerError(f"no division {code[:20]} in {self.country}", code="unknown_division")
        return found

    def resolve(self, code: str, on: date) -> tuple[Division, ...]:
        """What a division is on a day: itself, or what became of it. Raises CallerError (`unknown_division`)."""
        return tuple(self._resolve(self.division(code), on))

    def _resolve(self, division: Division, on: date) -> Iterator[Division]:
        if division.ended is None or on < division.ended:
            yield division
            return
        for code in division.successors:
            yield from self._resolve(self.division(code), on)

    def competent(self, matter: str, place: str, on: date) -> tuple[Competence, Division]:
        """Who decides a matter at a place on a day: the rule, and the unit of its tier that holds the place.

        place: code of the smallest division, of any day. Raises CallerError (`unknown_division`, `nobody_competent`).
        """
        rules = [
            rule
            for rule in self.competence
            if rule.matter == matter and rule.began <= on and (rule.ended is None or on < rule.ended)
        ]
        for rule in rules:
            for unit in self.resolve(place, on):
                holder: Division | None = unit
                while holder is not None and holder.tier != rule.tier:
                    above = self.division(holder.parent) if holder.parent else None
                    if above is None and rule.tier is None:
                        break
                    holder = above
                if holder is not None:
                    return rule, holder
        raise CallerError(f"nobody decides {matter} at {place[:20]} on {on}", code="nobody_competent")

    def day(self, at: datetime) -> date:
        """Which day it is there."""
        return at.astimezone(ZoneInfo(self.zone)).date()

    def ground(self, name: str) -> str:
        """Raises CallerError (`no_legal_ground`): the law of this country is not told."""
        found = self.grounds.get(name)
        if found is None:
            raise CallerError(f"{self.country} has no ground for {name}", code="no_legal_ground")
        return found

    def deadline(self, name: str, begin: date) -> date:
        """The last day of a deadline that begins on `begin`. Raises KeyError for one the profile does not have."""
        return self._last_day(self.deadlines[name], begin)

    def remedy(
        self, delivered: date, name: str = "challenge", *, of: str | None = None
    ) -> tuple[Remedy, date]:
        """What may be done against a decision delivered on a day, and until when. Raises KeyError for a remedy it does not have.

        of: the body that decided, `INSTANCE/CLASS/CODE`: then `body` names who hears it, where the profile knows that.

        A deadline that would end on a day off ends on the next working day (HMS § 33; Civil Code of Viet Nam, Art. 148.5).
        """
        remedy = self.remedies[name]
        named = None if of is None else remedy.bodies.get("/".join(of.split("/")[1:3]))
        if named is not None:
            remedy = remedy.model_copy(update={"body": named})
        return remedy, self.last_day(remedy.deadline, delivered)

    def last_day(self, deadline: Deadline, begin: date) -> date:
        """Of a deadline for people, that begins on `begin`: one that would end on a day off ends on the next working day."""
        return self.working_days.add(self._last_day(deadline, begin), 0)

    def _last_day(self, deadline: Deadline, begin: date) -> date:
        match deadline.unit:
            case "working_days":
                return self.working_days.add(begin, deadline.value)
            case "days":
                return date.fromordinal(begin.toordinal() + deadline.value)
            case "months":
                return _months_later(begin, deadline.value)
            case "years":
                return _months_later(begin, 12 * deadline.value)


def parse_profile(content: Mapping[str, Any]) -> Profile:
    """A profile from parsed YAML. Raises CallerError (`invalid_profile`), naming every place that does not fit."""
    try:
        return Profile.model_validate(content)
    except ValidationError as error:
        places = "; ".join(
            f"/{'/'.join(str(step) for step in fault['loc'])}: {fault['msg']}" for fault in error.errors()
        )
        raise CallerError(f"not a profile: {places}", code="invalid_profile") from None


def _years_later(day: date, years: int) -> date:
    """The same day of the month, or its last (TsÜS § 136; Civil Code of Viet Nam, Art. 148.3): of 29 February, in most years, the 28th."""
    year = day.year + years
    return day.replace(year=year, day=min(day.day, monthrange(year, day.month)[1]))


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last day when it has no such."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    while True:
        try:
            return date(year, month, day.day)
        except ValueError:
            day = date(day.year, day.month, day.day - 1)
