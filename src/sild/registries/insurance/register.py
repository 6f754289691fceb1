"""The health insurance register: its database on the kernel, what it takes from others, and what they ask.

Cover begins as soon as a birth is registered; the card needs name and home, which are asked for over the exchange, and so comes a
moment later. A death ends both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from sqlalchemy import select

from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.decisions import DECISION_MIGRATIONS
from sild.documents import CARD_KIND, Sealer
from sild.errors import CallerError
from sild.events import Event
from sild.openid import OpenIDError, verify_key_proof
from sild.registries.credentials import CredentialIssuer
from sild.registries.deciding import DECIDED_AGAIN, Certify, Deciding
from sild.registries.deciding.body import open_seal
from sild.registries.exchange import Ask
from sild.registries.identity_codes import parse_identity_code
from sild.registries.insurance.cards import Card, Cards
from sild.registries.insurance.covering import Covering
from sild.registries.insurance.rules import COVER
from sild.registries.insurance.synthetic import insured_people
from sild.registries.insurance.tables import credentials
from sild.registries.kernel import Fact, Kernel, Usage, Use
from sild.registries.tasks import TASK_MIGRATIONS, ActingRegister, Effect, Handler
from sild.rule_engine import RuleEngine

__all__ = ["COVER", "Card", "InsuranceRegister"]

MIGRATIONS = Path(__file__).parent / "migrations"
SYSTEM = "/SILD/GOV/70000003/insurance"


class InsuranceRegister(ActingRegister):
    """Thread-safe. What it does stands in covering.py and cards.py; all through `kernel`. seal: of cards on paper."""

    def __init__(self, kernel: Kernel, issuer: CredentialIssuer, deciding: Deciding, seal: Sealer) -> None:
        super().__init__(kernel, silenced_types=["insurance.*", DECIDED_AGAIN], silenced_kinds=["card"])
        self.issuer = issuer
        self.deciding = deciding
        self._cards = Cards(issuer, seal, self.tasks, self.silence, system=kernel.system)
        self._covering = Covering(deciding, self.tasks, self.silence, self._cards)

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
        keys = CredentialIssuer.open(directory / "issuer-key.jwk", issuer, CARD_KIND, body=body)
        return cls(kernel, keys, deciding, seal)

    # --- what others tell, and what follows by itself

    def effects(self) -> Mapping[str, Effect]:
        return {**self._covering.effects(), **self._cards.effects()}

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        return {**self._covering.handlers(ask), **self._cards.handlers(ask)}

    def silenced(self, use: Use, event: Event, reason: str) -> None:
        if reason != "protection_order":
            self._cards.revoke(use, event.subject)
            self._covering.silenced(use, event, reason)

    def lives(self, use: Use, event: Event, since: datetime) -> None:
        self._covering.lives(use, event, since)
        self._cards.take_up(use, event.subject, since)

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
            if self._is_kept(use, person):  # the office that gave it is near their home
                raise CallerError("this person has no card", code="no_card")
            card = self._cards.card(use, person)
            return replace(card, in_wallet_since=self._cards.taken_at(use, person, usage.actor))

    def shown(self, use: Use, facts: Sequence[Fact]) -> Sequence[Fact]:
        """Of a protected person who is kept from this reader the cover, and nothing that says where they are."""
        return self.silence.open_facts(use, facts, always=(COVER,), family=_whoever_acts)

    def _is_kept(self, use: Use, person: str) -> bool:
        return self.silence.is_kept_from(use, person, _whoever_acts(use, person))

    def paper(self, person: str, language: str, usage: Usage) -> bytes:
        """The card as a sealed PDF. Raises as `card` does; CallerError (`card_revoked`)."""
        card = self.card(person, usage, operation="printCard")
        return self._cards.paper(card, language, at=self.kernel.now, stamp=self.kernel.stamp)

    def bind_card(self, person: str, proof: str, nonce: str, usage: Usage) -> str:
        """The card for the wallet that proves its key to this issuer. proof: OpenID4VCI 1.0 F.1.  nonce: that it was given to answer.

        Raises as `card` does; CallerError (`not_yours`, `card_revoked`, `card_expired`, `proof_not_valid`, `proof_used`).
        """
        parse_identity_code(person)
        with self.kernel.used("bindCard", usage) as use:
            use.concerns(person)
            by = _speaker(person, usage)
            if self._is_kept(use, person):
                raise CallerError("this person has no card", code="no_card")
            try:
                holder = verify_key_proof(proof, audience=self.issuer.issuer, at=use.at)
            except OpenIDError as error:
                raise CallerError(error.message, code="proof_not_valid") from error
            if holder.once != nonce:
                raise CallerError("the key proof answers another nonce", code="proof_not_valid")
            return self._cards.bound(use, person, holder, by=by)

    def unbind_card(self, person: str, usage: Usage) -> None:
        """What they have of the card in a wallet holds no longer. Raises as `card` does; CallerError (`not_yours`)."""
        parse_identity_code(person)
        with self.kernel.used("unbindCard", usage) as use:
            use.concerns(person)
            self._cards.unbind(use, person, by=_speaker(person, usage))

    def status_list(self) -> str:
        """JWT; tells nothing about anybody who does not show a card."""
        with self.kernel.engine.connect() as connection:
            places = select(credentials.c.id).where(credentials.c.revoked_at.is_not(None))
            revoked = connection.scalars(places).all()
        return self.issuer.status_list(revoked, at=self.kernel.now)


def _whoever_acts(use: Use, person: str) -> Collection[str]:
    """This register knows no family: who acts for the person, and is not kept away, has shown elsewhere that they may."""
    return [use.usage.actor] if use.usage.actor is not None and use.usage.principal == person else []


def _speaker(person: str, usage: Usage) -> str:
    """Whose word it is, theirs or that of who represents them: their code. Raises CallerError (`not_yours`)."""
    if person not in usage.own or usage.actor is None:
        raise CallerError("the person has their card, or who represents them", code="not_yours")
    return usage.actor
