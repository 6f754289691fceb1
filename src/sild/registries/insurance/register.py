"""What the fund does: cover from birth as soon as the birth is registered, then the card; an end on the day of death.

Cover of a child whose code tells the date of birth begins in the transaction of the event; the card needs name and home, which are
asked for over the exchange, and so comes a moment later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from sqlalchemy import Row, insert, select, update

from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.decisions import DECISION_MIGRATIONS, DecisionRecord
from sild.documents import CardFace, Sealer, card_pdf, card_presentation, seal_pdf
from sild.errors import CallerError
from sild.events import Event
from sild.registries.deciding import (
    CORRECTED,
    DECIDED_AGAIN,
    Certify,
    Correction,
    Deciding,
    Judged,
    KnownFact,
    LeftToPeople,
    RestsOn,
    Ripples,
    Ruling,
    why_corrected,
)
from sild.registries.deciding.body import open_seal
from sild.registries.exchange import Ask, Because
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.insurance.credential import CardIssuer
from sild.registries.insurance.rules import card_number, ground
from sild.registries.insurance.synthetic import insured_people
from sild.registries.insurance.tables import cards
from sild.registries.kernel import Fact, Kernel, Provenance, Usage, Use
from sild.registries.moving import HOME_CHANGED, NOTHING_HERE, followed
from sild.registries.profiles import profile
from sild.registries.sources import PersonTold, Sources
from sild.registries.tasks import TASK_MIGRATIONS, ActingRegister, Effect, Handler, Held, Task
from sild.rule_engine import RuleEngine
from sild.telemetry import get_logger

__all__ = ["COVER", "Card", "InsuranceRegister"]

log = get_logger("register")

MIGRATIONS = Path(__file__).parent / "migrations"
COVER = "insurance_cover"
CARD_MATTER = "health_insurance_card"
CARD_YEARS = 5
ALGORITHM = "child-health-cover"
PACKAGES: dict[Country, str] = {"EE": "ee-health-cover", "VN": "vn-health-insurance"}
COVER_OUTPUTS = (("child", "cover_from", "ETERNITY"), ("child", "cover_until", "ETERNITY"))
SYSTEM = "/SILD/GOV/70000003/insurance"
RESTS_ON: RestsOn = {"person.date_of_birth": {"insured": ("persons/child/born/%",)}}


@dataclass(frozen=True, slots=True)
class Card:
    """number: none yet while the card is in the making.  office: competent on the day of issue.

    decision: record of the cover it proves; None: there was none, or the cover has ended.
    """

    person: str
    number: str
    state: str
    claims: Mapping[str, Any]
    office: Mapping[str, Any] | None
    credential: str
    issued_at: datetime
    status_index: int
    decision: str | None

    @property
    def name(self) -> str:
        """In the order of the person's country."""
        names = [self.claims["given_names"], self.claims["family_name"]]
        return " ".join(reversed(names) if parse_identity_code(self.person).country == "VN" else names)

    @property
    def valid_until(self) -> date:
        """The last day."""
        return _until(self.issued_at).date() - timedelta(days=1)

    @property
    def presentation(self) -> str:
        """Of the credential, what the card's code shows."""
        return card_presentation(self.credential)


class InsuranceRegister(ActingRegister):
    """seal: of cards on paper."""

    def __init__(self, kernel: Kernel, issuer: CardIssuer, deciding: Deciding, seal: Sealer) -> None:
        super().__init__(kernel, silenced_types=["insurance.*", DECIDED_AGAIN], silenced_kinds=["card"])
        self.issuer = issuer
        self.seal = seal
        self.deciding = deciding
        self.ripples = Ripples(deciding, RESTS_ON)

    @classmethod
    def open(
        cls,
        directory: Path,
        database_url: str | None = None,
        *,
        system: str = SYSTEM,
        people: int = 4_000,
        issuer: str = "https://insurance.sild.example",
        zone: ZoneInfo | None = None,
        clock: Clock = system_clock,
        rules: RuleEngine | None = None,
        certify: Certify | None = None,
    ) -> Self:
        """people: of the synthetic population, insured in an empty register; 0: nobody.  issuer: URL of the cards' issuer.

        rules: None: the process's own.  certify: see `open_body`.

        Raises Unavailable (`database_error`, `key_not_found`).
        """
        directory.mkdir(parents=True, exist_ok=True)
        url = database_url or sqlite_url(directory / "insurance.db")
        kernel = Kernel.open(
            url, system, TASK_MIGRATIONS, DECISION_MIGRATIONS, MIGRATIONS, zone=zone, clock=clock
        )
        if people and not kernel.has_facts():
            with kernel.filling() as facts:
                facts.record_many(insured_people(people, COVER))
        deciding = Deciding.open(kernel, directory, clock=clock, engine=rules, certify=certify)
        body = deciding.authority
        seal = open_seal(directory, "papers", body, name=body, at=kernel.now, certify=certify)
        return cls(kernel, CardIssuer.open(directory / "issuer-key.jwk", issuer), deciding, seal)

    # --- events

    def effects(self) -> Mapping[str, Effect]:
        return {
            "civil.birth.registered": self._born,
            HOME_CHANGED: self._home_changed,
            CORRECTED: self._corrected,
        }

    def _corrected(self, use: Use, event: Event) -> None:
        for ripple, record in self.ripples.open(use, Correction.told(event)):
            cause = f"{event.id}/{record.id}"
            self.tasks.add(use, "ripple", event.subject, cause=cause, about={"ripple": ripple})

    def _born(self, use: Use, event: Event) -> None:
        born = parse_identity_code(event.subject).born
        parents = _parents(event.data)
        about = {"parents": parents}
        if born is None:
            self.tasks.add(use, "cover", event.subject, cause=event.id, about=about)
        else:
            fact = _born_on(born, event.source, use.usage.message_id)
            try:
                judged = self._judge(use, event.subject, fact)
            except (
                CallerError
            ) as error:  # rules that fail are no fault of the event: it is tried again, then people decide
                log.refusal("cover.not_judged", error)
                self.tasks.add(use, "cover", event.subject, cause=event.id, about=about)
            else:
                self._cover(use, event.subject, judged, parents, cause=event.id)

    def _home_changed(self, use: Use, event: Event) -> None:
        """Of somebody insured: which office is theirs is looked up. Others' moves are nothing to us."""
        if use.facts.fact(event.subject, COVER, on=use.today) is None:
            self._followed(use, event.subject, NOTHING_HERE, event.id, event.source)
        else:
            about = {"source": event.source}
            self.tasks.add(use, "home", event.subject, cause=event.id, about=about)

    def silenced(self, use: Use, event: Event, reason: str) -> None:
        if reason == "protection_order":
            return
        use.connection.execute(
            update(cards)
            .where(cards.c.person == event.subject, cards.c.state == "valid")
            .values(state="revoked", revoked_at=use.at)
        )
        if reason == "stillbirth":  # there never was a person to cover
            use.facts.retract(event.subject, COVER, valid_from=date.min)
        else:
            self.tasks.add(use, "end_cover", event.subject, cause=event.id)

    def _judge(self, use: Use, person: str, born: KnownFact) -> Judged:
        """Raises CallerError as `Deciding.judge`."""
        package = PACKAGES[parse_identity_code(person).country]
        return self.deciding.judge(package, [born], at=use.today, outputs=list(COVER_OUTPUTS))

    def _cover(self, use: Use, person: str, judged: Judged, parents: Sequence[str], *, cause: str) -> None:
        """And what follows: the card; after a death that came first, the end."""
        silence = self.silence.reason(use, person)
        if silence == "stillbirth":
            return
        begins, ends = (judged.evaluation.value(*output) for output in COVER_OUTPUTS)
        if begins is None or ends is None:
            raise Held("the day of birth is not known", code="unknown_facts")
        record = self.deciding.record(use, judged, self._ruling(person, parents))
        self._enter(use, person, judged, str(record.id))
        if silence is None:
            use.publish("insurance.cover.began", person, {"valid_from": begins, "decision": str(record.id)})
        self.tasks.add(use, "end_cover" if silence == "death" else "card", person, cause=cause)

    def _ruling(self, person: str, parents: Sequence[str]) -> Ruling:
        return Ruling(
            country=parse_identity_code(person).country,
            effect="grant",
            step="cover",
            service="birth",
            algorithm=ALGORITHM,
            purpose="health insurance cover of a child",
            subjects=((person, "insured"), *((code, "parent") for code in parents)),
            outcome="health_insurance_cover",
        )

    def _enter(self, use: Use, person: str, judged: Judged, decision: str) -> None:
        country = parse_identity_code(person).country
        begins, ends = (judged.evaluation.value(*output) for output in COVER_OUTPUTS)
        (fact,) = judged.facts
        use.facts.record(
            person,
            COVER,
            {"kind": "child", "country": country, "decision": decision},
            valid_from=date.fromisoformat(str(begins)),
            valid_to=date.fromisoformat(str(ends)),
            provenance=Provenance(fact.register or self.kernel.system, ground(country), use.usage.message_id),
        )

    # --- what follows by itself

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        sources = Sources(ask)

        async def cover(task: Task) -> Callable[[Use], None]:
            child = await sources.person(task.subject, _because(task))
            fact = _born_on(child.born, child.source, child.message_id)

            def change(use: Use) -> None:
                try:
                    judged = self._judge(use, child.code, fact)
                except CallerError as error:
                    raise Held("the rules give no answer", code=error.code) from error
                self._cover(use, child.code, judged, _parents(task.about), cause=task.cause)

            return change

        async def card(task: Task) -> Callable[[Use], None]:
            child = await sources.person(task.subject, _because(task))
            division = await sources.division_of_child(child, _because(task))
            return lambda use: self._give_card(use, child, division)

        async def home(task: Task) -> Callable[[Use], None]:
            division = await sources.division(task.subject, _because(task))
            abroad = division is None and await sources.lives_abroad(task.subject, _because(task))
            return lambda use: self._new_home(use, task, division, abroad)

        async def look(task: Task) -> Callable[[Use], None]:
            raise Held("whether the cover holds abroad is for people to say", code="lives_abroad")

        async def end_cover(task: Task) -> Callable[[Use], None]:
            person = await sources.person(task.subject, _because(task))
            last = person.died or self.kernel.today
            return lambda use: self._end_cover(use, person.code, last)

        async def ripple(task: Task) -> Callable[[Use], None]:
            child = await sources.person(task.subject, _because(task))
            return lambda use: self._cover_again(use, task.about["ripple"], child)

        return {
            "cover": cover,
            "card": card,
            "end_cover": end_cover,
            "home": home,
            "look": look,
            "ripple": ripple,
        }

    def _cover_again(self, use: Use, ripple: str, child: PersonTold) -> None:
        """A fact under the cover was corrected: by the rules from the facts as they are now."""
        use.alone(f"card/{child.code}")
        fact = _born_on(child.born, child.source, child.message_id)

        def again(newest: DecisionRecord) -> str | None:
            if self.silence.reason(use, child.code) is not None:
                raise LeftToPeople("there is silence about the person", code="silence")
            try:
                judged = self._judge(use, child.code, fact)
            except CallerError as error:
                raise LeftToPeople("the rules give no answer", code="rules_failed") from error
            before = self.ripples.outcome_of(use, newest)
            if all(before.get("/".join(one)) == judged.evaluation.value(*one) for one in COVER_OUTPUTS):
                return None
            return self._cover_anew(use, child, judged, newest)

        self.ripples.settle(use, ripple, again, person=child.code)

    def _cover_anew(self, use: Use, child: PersonTold, judged: Judged, newest: DecisionRecord) -> str:
        """In the place of the cover that was; a card that says otherwise is issued again."""
        ruling = replace(
            self._ruling(child.code, child.parents),
            effect="correct",
            reasons=(why_corrected(newest.competence.article),),
            supersedes=str(newest.id),
            case=newest.case,
        )
        record = self.deciding.record(use, judged, ruling)
        for held in use.facts.history(child.code, COVER):
            if held.known_to is None and held.value.get("decision") == str(newest.id):
                use.facts.retract(child.code, COVER, valid_from=held.valid_from, valid_to=held.valid_to)
        self._enter(use, child.code, judged, str(record.id))
        self._reissue(use, child)
        told = {"decision": str(record.id), "supersedes": str(newest.id)}
        use.publish(DECIDED_AGAIN, child.code, told)
        return str(record.id)

    def _reissue(self, use: Use, child: PersonTold) -> None:
        mine = (cards.c.person == child.code) & (cards.c.state == "valid")
        card = use.connection.execute(select(cards).where(mine)).one_or_none()
        born = child.born.isoformat()
        if card is None or card.claims["birthdate"] == born:
            return
        claims = {**card.claims, "birthdate": born, "cover_from": born}
        credential = self.issuer.issue(claims, at=use.at, until=_until(use.at), status_index=card.id)
        use.connection.execute(update(cards).where(mine).values(claims=claims, credential=credential))
        use.publish("insurance.card.issued", child.code)

    def _give_card(self, use: Use, child: PersonTold, division: str | None) -> None:
        use.alone(f"card/{child.code}")
        has_one = use.connection.scalar(select(cards.c.id).where(cards.c.person == child.code))
        if has_one is not None or self.silence.reason(use, child.code) is not None:
            return
        country: Country = "VN" if child.country == "VN" else "EE"
        claims = {
            "given_names": child.given_names,
            "family_name": child.family_name,
            "personal_administrative_number": child.code,
            "birthdate": child.born.isoformat(),
            "cover_from": child.born.isoformat(),
        }
        key = use.connection.scalar(
            insert(cards)
            .values(
                person=child.code,
                state="valid",
                claims=claims,
                office=_office(country, division, use.today),
                issued_at=use.at,
            )
            .returning(cards.c.id)
        )
        assert key is not None
        claims["card_number"] = card_number(country, key)
        credential = self.issuer.issue(claims, at=use.at, until=_until(use.at), status_index=key)
        use.connection.execute(
            update(cards)
            .where(cards.c.id == key)
            .values(number=claims["card_number"], claims=claims, credential=credential)
        )
        use.publish("insurance.card.issued", child.code)

    def _new_home(self, use: Use, task: Task, division: str | None, abroad: bool) -> None:
        """Cover holds wherever in the country one lives; the card's office may be another. Abroad, people look."""
        outcome = "no_change"
        if abroad:
            self.tasks.add(use, "look", task.subject, cause=task.cause)
            outcome = "review"
        elif division is not None:
            office = _office(parse_identity_code(task.subject).country, division, use.today)
            mine = (cards.c.person == task.subject) & (cards.c.state == "valid")
            held = use.connection.execute(select(cards.c.id, cards.c.office).where(mine)).one_or_none()
            if held is not None and office is not None and held.office != office:
                use.connection.execute(update(cards).where(mine).values(office=office))
                outcome = "office_changed"
        self._followed(use, task.subject, outcome, task.cause, str(task.about["source"]))

    def _followed(self, use: Use, person: str, outcome: str, cause: str, source: str) -> None:
        basis = ground(parse_identity_code(person).country)
        silent = self.silence.reason(use, person) is not None
        followed(use, "insurance", person, outcome, cause=cause, source=source, basis=basis, silent=silent)

    def _end_cover(self, use: Use, person: str, died: date) -> None:
        """The cover holds on the day of death, and no longer."""
        held = use.facts.fact(person, COVER, on=died)
        if held is not None:
            use.facts.retract(person, COVER, valid_from=died + timedelta(days=1), valid_to=held.valid_to)

    # --- questions

    def cover(self, person: str, usage: Usage, *, on: date | None = None) -> Fact | None:
        """The cover on a day, today by default; None when there is none. Raises InvalidIdentityCode."""
        parse_identity_code(person)
        with self.kernel.used("getCover", usage) as use:
            use.concerns(person)
            return use.facts.fact(person, COVER, on=on or use.today)

    def card(self, person: str, usage: Usage, *, operation: str = "getCard") -> Card:
        """Raises InvalidIdentityCode, CallerError (`no_card`)."""
        parse_identity_code(person)
        with self.kernel.used(operation, usage) as use:
            use.concerns(person)
            return _card(use, person)

    def paper(self, person: str, language: str, usage: Usage) -> bytes:
        """The card as a sealed PDF. Raises as `card` does; CallerError (`card_revoked`)."""
        card = self.card(person, usage, operation="printCard")
        if card.state != "valid":
            raise CallerError("the card was revoked", code="card_revoked")
        face = CardFace(
            number=card.number,
            name=card.name,
            code=card.person,
            born=date.fromisoformat(card.claims["birthdate"]),
            cover_from=date.fromisoformat(card.claims["cover_from"]),
            valid_until=card.valid_until,
            credential=card.credential,
            office=_office_words(card.office),
        )
        return seal_pdf(card_pdf(face, language, at=self.kernel.now), self.seal)

    def bind_card(self, person: str, holder: Mapping[str, Any], usage: Usage) -> str:
        """The card again, bound to the key of a wallet. Raises as `card` does; CallerError (`card_revoked`, `bad_request`)."""
        parse_identity_code(person)
        with self.kernel.used("bindCard", usage) as use:
            use.concerns(person)
            card = _card(use, person)
            if card.state != "valid":
                raise CallerError("the card was revoked", code="card_revoked")
            return self.issuer.issue(
                card.claims, at=use.at, until=_until(use.at), status_index=card.status_index, holder=holder
            )

    def status_list(self) -> str:
        """JWT; tells nothing about anybody who does not show a card."""
        with self.kernel.engine.connect() as connection:
            revoked = connection.scalars(select(cards.c.id).where(cards.c.state == "revoked")).all()
        return self.issuer.status_list(revoked, at=self.kernel.now)


def _born_on(born: date, source: str, message_id: str) -> KnownFact:
    """`valid_at` would tell the day that the value keeps sealed."""
    return KnownFact(
        "persons/child/born/ETERNITY",
        "date",
        born.isoformat(),
        register=source,
        message_id=message_id,
    )


def _parents(said: Mapping[str, Any]) -> list[str]:
    """Whom else the event says it is to be told to."""
    found = said.get("parents")
    return [code for code in found if isinstance(code, str)] if isinstance(found, list) else []


def _because(task: Task) -> Because:
    country = parse_identity_code(task.subject).country
    return Because(ground(country), task.issue, key=f"{task.kind}/{task.cause}")


def _until(at: datetime) -> datetime:
    return datetime.combine(at.date() + timedelta(days=365 * CARD_YEARS), time(), UTC)


def _office(country: Country, division: str | None, on: date) -> dict[str, Any] | None:
    """Who is competent for the card on that day: Viet Nam's district offices before 1 July 2025, grassroots ones since then.

    None where the matter has no local office (Estonia: the fund itself), or the place is not known.
    """
    if division is None:
        return None
    try:
        rule, unit = profile(country).competent(CARD_MATTER, division, on)
    except CallerError:
        return None
    return {"office": dict(rule.office), "unit": unit.code, "name": unit.name, "basis": rule.basis}


def _office_words(office: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Office and unit, by language."""
    if office is None:
        return None
    return {language: f"{name}, {office['name']}" for language, name in office["office"].items()}


def _card(use: Use, person: str) -> Card:
    row: Row[Any] | None = use.connection.execute(select(cards).where(cards.c.person == person)).one_or_none()
    if row is None:
        raise CallerError("this person has no card", code="no_card")
    cover = use.facts.fact(person, COVER, on=use.today)
    return Card(
        person=row.person,
        number=row.number,
        state=row.state,
        claims=row.claims,
        office=row.office,
        credential=row.credential,
        issued_at=row.issued_at,
        status_index=row.id,
        decision=None if cover is None else cover.value.get("decision"),
    )
