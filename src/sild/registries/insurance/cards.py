"""The card: given once the child's name and home are known, issued again when what it says was wrong, at the office of where one lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, insert, select, update

from sild.documents import CardFace, Sealer, TimeStamper, card_pdf, card_presentation, seal_pdf
from sild.errors import CallerError
from sild.events import Event
from sild.openid import HolderKey
from sild.registries.credentials import CredentialIssuer
from sild.registries.exchange import Ask
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.insurance.rules import CARD, COVER, card_number, ground
from sild.registries.insurance.tables import cards, credentials
from sild.registries.kernel import Use
from sild.registries.kernel.facts import Provenance
from sild.registries.moving import HOME_CHANGED, NOTHING_HERE, followed, looks
from sild.registries.profiles import profile
from sild.registries.sources import PersonTold, Sources
from sild.registries.tasks import Effect, Handler, Held, Silence, Task, Tasks

__all__ = ["Card", "Cards"]

CARD_MATTER = "health_insurance_card"
CARD_YEARS = 5


@dataclass(frozen=True, slots=True)
class Card:
    """number: none yet while the card is in the making.  office: competent on the day of issue.

    decision: record of the cover it proves; None: there was none, or the cover has ended.  status_index: of the bearer's credential.
    in_wallet_since: of whoever asks; None: they have it in none, or nobody asks.
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
    in_wallet_since: datetime | None = None

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


class Cards:
    """Works within the register's transactions. seal: of cards on paper.  system: the register, which says what its cards are.

    `insurance_cards` has what a card is made of, the fact `insurance_card` what it is and was on each day, written with every change;
    `insurance_credentials` each credential that went out, with its place in the status list.
    """

    def __init__(
        self, issuer: CredentialIssuer, seal: Sealer, tasks: Tasks, silence: Silence, *, system: str
    ) -> None:
        self._system = system
        self._issuer = issuer
        self._seal = seal
        self._tasks = tasks
        self._silence = silence

    def effects(self) -> Mapping[str, Effect]:
        return {HOME_CHANGED: self._home_changed}

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        sources = Sources(ask)

        async def card(task: Task) -> Callable[[Use], None]:
            because = task.because(ground(parse_identity_code(task.subject).country))
            child = await sources.person(task.subject, because)
            division = await sources.division_of_child(child, because)
            return lambda use: self._give(use, child, division)

        async def home(task: Task) -> Callable[[Use], None]:
            because = task.because(ground(parse_identity_code(task.subject).country))
            division = await sources.division(task.subject, because)
            abroad = division is None and await sources.lives_abroad(task.subject, because)
            return lambda use: self._new_home(use, task, division, abroad)

        async def look(task: Task) -> Callable[[Use], None]:
            raise Held("whether the cover holds abroad is for people to say", code="lives_abroad")

        return {"card": card, "home": home, "look": look}

    # --- the card itself

    def card(self, use: Use, person: str) -> Card:
        """Raises CallerError (`no_card`)."""
        query = select(cards).where(cards.c.person == person)
        row: Row[Any] | None = use.connection.execute(query).one_or_none()
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
            status_index=use.connection.execute(_place(row.id)).scalar_one(),
            decision=None if cover is None else cover.value.get("decision"),
        )

    def paper(self, card: Card, language: str, *, at: datetime, stamp: TimeStamper | None) -> bytes:
        """A sealed PDF. Raises CallerError (`card_revoked`)."""
        _ensure_valid(card)
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
        return seal_pdf(card_pdf(face, language, at=at), self._seal, stamp)

    def bound(self, use: Use, person: str, holder: HolderKey, *, by: str) -> str:
        """The card for the wallet of whoever takes it, as long as the card: what they had in a wallet before is revoked; others' is not.

        by: their code.  holder: the wallet's key, as it was proved, once; the same message again has the same answer. Raises CallerError (`no_card`, `card_revoked`, `card_expired`, `proof_used`).
        """
        card = self._row(use, person)
        _ensure_valid(card)
        if use.at >= _until(card.issued_at):
            raise CallerError("the card is over", code="card_expired")
        proof, message = sha256(holder.once.encode()).hexdigest(), use.usage.message_id
        use.alone(f"card-proof/{proof}")
        made = use.connection.execute(select(credentials).where(credentials.c.proof == proof)).one_or_none()
        if made is not None:
            if (made.message, made.card, made.revoked_at) != (message, card.id, None):
                raise CallerError("the key proof was used before", code="proof_used")
            return self._signed(card, card.claims, made.id, made.issued_at, holder.jwk)
        self._revoke(use, card.id, credentials.c.taken_by == by)
        taken = {"holder": holder.thumbprint, "taken_by": by, "proof": proof, "message": message}
        return self._credential(use, card, card.claims, jwk=holder.jwk, **taken)

    def unbind(self, use: Use, person: str, *, by: str) -> None:
        """What they have of it in a wallet is revoked. by: their code. Raises CallerError (`no_card`)."""
        self._revoke(use, self._row(use, person).id, credentials.c.taken_by == by)

    def taken_at(self, use: Use, person: str, by: str | None) -> datetime | None:
        """Since when somebody has the card in a wallet; None: they do not, or nobody asks."""
        if by is None:
            return None
        mine = (cards.c.person == person, credentials.c.taken_by == by, credentials.c.revoked_at.is_(None))
        taken = select(credentials.c.issued_at).join(cards, cards.c.id == credentials.c.card).where(*mine)
        return use.connection.scalar(taken)

    def _row(self, use: Use, person: str) -> Row[Any]:
        """Of the card, for whoever changes it. Raises CallerError (`no_card`)."""
        use.alone(f"card/{person}")
        card = use.connection.execute(select(cards).where(cards.c.person == person)).one_or_none()
        if card is None:
            raise CallerError("this person has no card", code="no_card")
        return card

    def _credential(
        self,
        use: Use,
        card: Row[Any],
        claims: Mapping[str, Any],
        jwk: Mapping[str, str] | None = None,
        **made: str,
    ) -> str:
        """With a place of its own in the status list. jwk: of a wallet; None: a bearer's."""
        added = insert(credentials).values(card=card.id, issued_at=use.at, **made).returning(credentials.c.id)
        place = use.connection.execute(added).scalar_one()
        return self._signed(card, claims, place, use.at, jwk)

    def _signed(
        self,
        card: Row[Any],
        claims: Mapping[str, Any],
        place: int,
        at: datetime,
        jwk: Mapping[str, str] | None,
    ) -> str:
        """As long as the card."""
        until = _until(card.issued_at)
        return self._issuer.issue(claims, at=at, until=until, status_index=place, holder=jwk)

    def _revoke(self, use: Use, card: int, *which: ColumnElement[bool]) -> None:
        """Of the credentials of a card those that still hold; none said: all."""
        valid = (credentials.c.card == card, credentials.c.revoked_at.is_(None), *which)
        use.connection.execute(update(credentials).where(*valid).values(revoked_at=use.at))

    def _give(self, use: Use, child: PersonTold, division: str | None) -> None:
        use.alone(f"card/{child.code}")
        has_one = use.connection.scalar(select(cards.c.id).where(cards.c.person == child.code))
        if has_one is not None or self._silence.reason(use, child.code) is not None:
            return
        country: Country = "VN" if child.country == "VN" else "EE"
        claims = {
            "given_names": child.given_names,
            "family_name": child.family_name,
            "personal_administrative_number": child.code,
            "birthdate": child.born.isoformat(),
            "cover_from": child.born.isoformat(),
        }
        card = use.connection.execute(
            insert(cards)
            .values(
                person=child.code,
                state="valid",
                claims=claims,
                office=_office(country, division, use.today),
                issued_at=use.at,
            )
            .returning(cards)
        ).one()
        claims["card_number"] = card_number(country, card.id)
        credential = self._credential(use, card, claims)
        use.connection.execute(
            update(cards)
            .where(cards.c.id == card.id)
            .values(number=claims["card_number"], claims=claims, credential=credential)
        )
        self._say(use, child.code)
        use.publish("insurance.card.issued", child.code)

    def reissue(self, use: Use, child: PersonTold) -> None:
        """A card that says another day of birth."""
        mine = _valid_of(child.code)
        card = use.connection.execute(select(cards).where(mine)).one_or_none()
        born = child.born.isoformat()
        if card is None or card.claims["birthdate"] == born:
            return
        self._anew(use, card, {**card.claims, "birthdate": born, "cover_from": born})

    def covers_from(self, use: Use, person: str, begins: date) -> None:
        """A card that says another first day of cover, as an official decided it."""
        mine = _valid_of(person)
        card = use.connection.execute(select(cards).where(mine)).one_or_none()
        if card is None or card.claims["cover_from"] == begins.isoformat():
            return
        self._anew(use, card, {**card.claims, "cover_from": begins.isoformat()})

    def _anew(self, use: Use, card: Row[Any], claims: Mapping[str, Any]) -> None:
        """Under its number: what the old one says, on paper or in wallets, is revoked."""
        self._revoke(use, card.id)
        credential = self._credential(use, card, claims)
        mine = _valid_of(card.person)
        use.connection.execute(update(cards).where(mine).values(claims=claims, credential=credential))
        self._say(use, card.person)
        use.publish("insurance.card.issued", card.person)

    def revoke(self, use: Use, person: str) -> None:
        revoking = update(cards).where(_valid_of(person)).returning(cards.c.id)
        values = revoking.values(state="revoked", revoked_at=use.at)
        for card in use.connection.scalars(values).all():
            self._revoke(use, card)
        self._say(use, person)

    def take_up(self, use: Use, person: str, since: datetime) -> None:
        """A card that was revoked since then, and is not over, holds again, under its number; what was in wallets does not, and is taken anew."""
        oldest = use.at - timedelta(days=365 * CARD_YEARS)
        revoked = (
            cards.c.person == person,
            cards.c.state == "revoked",
            cards.c.revoked_at >= since,
            cards.c.issued_at > oldest,
        )
        values = {"state": "valid", "revoked_at": None}
        again = update(cards).where(*revoked).values(values).returning(cards)
        card = use.connection.execute(again).one_or_none()
        if card is not None:
            self._anew(use, card, card.claims)

    def _say(self, use: Use, person: str) -> None:
        """From today on the card is as its row says; what it was stays known."""
        card = use.connection.execute(select(cards).where(cards.c.person == person)).one_or_none()
        if card is None:
            return
        begins, ends = min(use.day_of(card.issued_at), use.today), _until(card.issued_at).date()
        begins = use.today if use.facts.history(person, CARD) else begins
        if begins >= ends:
            return
        value = {
            "number": card.number,
            "state": card.state,
            "born": card.claims["birthdate"],
            "office": None if card.office is None else card.office["name"],
        }
        basis = ground(parse_identity_code(person).country)
        said = Provenance(self._system, basis, use.usage.message_id)
        use.facts.record(person, CARD, value, valid_from=begins, valid_to=ends, provenance=said)

    # --- its office

    def _home_changed(self, use: Use, event: Event) -> None:
        """Of somebody insured: which office is theirs is looked up. Others' moves are nothing to us."""
        if use.facts.fact(event.subject, COVER, on=use.today) is None:
            self._followed(use, event.subject, NOTHING_HERE, event.id, event.source)
        else:
            about = {"source": event.source}
            for cause, at in looks(use, event):
                self._tasks.add(use, "home", event.subject, cause=cause, at=at, about=about)

    def _new_home(self, use: Use, task: Task, division: str | None, abroad: bool) -> None:
        """Cover holds wherever in the country one lives; the card's office may be another. Abroad, people look."""
        outcome = "no_change"
        if abroad:
            self._tasks.add(use, "look", task.subject, cause=task.cause)
            outcome = "review"
        elif division is not None:
            office = _office(parse_identity_code(task.subject).country, division, use.today)
            mine = _valid_of(task.subject)
            held = use.connection.execute(select(cards.c.id, cards.c.office).where(mine)).one_or_none()
            if held is not None and office is not None and held.office != office:
                use.connection.execute(update(cards).where(mine).values(office=office))
                self._say(use, task.subject)
                outcome = "office_changed"
        self._followed(use, task.subject, outcome, task.cause, str(task.about["source"]))

    def _followed(self, use: Use, person: str, outcome: str, cause: str, source: str) -> None:
        basis = ground(parse_identity_code(person).country)
        silent = self._silence.reason(use, person) is not None
        followed(use, "insurance", person, outcome, cause=cause, source=source, basis=basis, silent=silent)


def _valid_of(person: str) -> ColumnElement[bool]:
    return (cards.c.person == person) & (cards.c.state == "valid")


def _place(card: int) -> Select[int]:
    """In the status list, of the card's newest credential for its bearer."""
    places = select(credentials.c.id).where(credentials.c.card == card, credentials.c.holder.is_(None))
    return places.order_by(credentials.c.id.desc()).limit(1)


def _ensure_valid(card: Card | Row[Any]) -> None:
    if card.state != "valid":
        raise CallerError("the card was revoked", code="card_revoked")


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
