"""Whose word a move rests on, each proved: who moves, who owns the dwelling, who has custody of a child (docs/adr/0054).

    notice    who sent it, for themselves and their children        joining   an adult who moves along
    consent   an owner: they may live there    refusal  they may not        custody   somebody else with custody of a child

What was said is the place, everybody whom the notice named, the day, and which notice of the case it was said to; of a move that differs
in any of them nobody has said a word. A notice that was returned, taken back or sent anew is spent: without one nothing is registered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sild.decisions import ProvedWord
from sild.errors import CallerError, PlatformError
from sild.openid import statement_hash
from sild.registries.deciding import Deciding
from sild.registries.kernel import Defect, Defects, Use
from sild.registries.kernel.words import Heard
from sild.registries.residence.addresses import dwelling
from sild.registries.residence.judging import NewMove

__all__ = [
    "CARRIED",
    "KINDS",
    "SaidOfMove",
    "ensure_owners_said",
    "ensure_said",
    "proved_words",
    "spend_notice",
    "take_back",
    "without_unproved",
]

KINDS = NOTICE, CONSENT, REFUSAL, JOINING, CUSTODY = "notice", "consent", "refusal", "joining", "custody"
UNPROVEN = "acting_not_proven"
CARRIED = REGISTERS, SETTLES = "registerMove", "settleOwners"
"""Operations that are done on words."""


@dataclass(frozen=True, slots=True)
class SaidOfMove:
    """people: whom the notice named, also who does not move after all.  heard: what they and others said.  notice: to which of the case."""

    people: tuple[str, ...] = ()
    heard: tuple[Heard, ...] = ()
    notice: int = 1

    def by(self, *kinds: str) -> frozenset[str]:
        """Who said it."""
        said = (one.code for one in self.heard if one.word.says in kinds)
        return frozenset(code for code in said if code is not None)


def statement_of(
    says: str, *, place: dict[str, Any], people: Sequence[str], valid_from: str, notice: int
) -> dict[str, Any]:
    """What the token's hash is of. place: {dwelling}, {division} or {country, address}.  people: codes.  notice: number in the case, from 1."""
    to = {"of": "move", "notice": notice, "to": place, "people": sorted(people), "valid_from": valid_from}
    return {**to, "says": says}


def ensure_said(use: Use, asked: NewMove, said: SaidOfMove, *, minors: Collection[str]) -> None:
    """That everybody whose word it takes has given it, for this very move. A child's first home takes nobody's.

    Raises Defects (`acting_not_proven`, or `acting_expired`, `level_too_low` where that is all), each at its place in the message:
    `/words/said/2`, `/people/1`, `/custodians/51001010001/0`, `/consent/owners/0`; Unavailable (`identity_provider_down`).
    """
    _refuse(
        [
            *_unproved(said, _place_of(asked), asked.valid_from.isoformat()),
            *_missing(use, asked, said, minors),
        ]
    )


def ensure_owners_said(
    said: SaidOfMove, dwelling_id: str, *, consented: Sequence[str], refused: Sequence[str], valid_from: str
) -> None:
    """As `ensure_said`, of owners who differ: `/consented/0`, `/refused/0`."""
    wrong = list(_unproved(said, {"dwelling": dwelling_id}, valid_from))
    for name, kind, codes in (("consented", CONSENT, consented), ("refused", REFUSAL, refused)):
        theirs = said.by(kind)
        wrong += [_nobody(f"/{name}/{n}") for n, code in enumerate(codes) if code not in theirs]
    _refuse(wrong)


def proved_words(use: Use, deciding: Deciding, said: SaidOfMove) -> tuple[ProvedWord, ...] | None:
    """For the record; each is spent with it. Raises CallerError (`acting_not_proven`): one was spent on something else."""
    return tuple(_proved(use, deciding, said.heard)) or None


def without_unproved(asked: NewMove, said: SaidOfMove) -> NewMove:
    """Of a notice that goes back: whose word is not proved has said nothing. Raises Unavailable."""
    place, day = _place_of(asked), asked.valid_from.isoformat()
    proved = tuple(one for one in said.heard if _refusal(one, said, place, day) is None)
    heard = SaidOfMove(said.people, proved, said.notice)
    owners, custodians = heard.by(NOTICE, JOINING, CONSENT), heard.by(NOTICE, CUSTODY)
    agreed = {child: [one for one in codes if one in custodians] for child, codes in asked.custodians.items()}
    consented = tuple(one for one in asked.consent_owners if one in owners)
    return replace(asked, consent_owners=consented, custodians=agreed)


def take_back(use: Use, heard: Sequence[Heard]) -> None:
    """Nothing is done on it any more, though something was. Raises CallerError (`not_yours`; `word_is_used`: all that it is for was done; or why it is no word)."""
    for one in heard:
        if one.refusal is not None or one.person is None:
            raise one.refusal or CallerError("nobody said it", code=UNPROVEN)
        if one.code != use.usage.principal:
            raise CallerError("whoever said it takes it back", code="not_yours")
        left = [name for name in CARRIED if name in one.person.operations]
        if not [True for name in left if _spends(use, one.person.token, name)]:
            raise CallerError("all that it is for was done", code="word_is_used")


def spend_notice(use: Use, said: SaidOfMove) -> None:
    """Of a notice that goes back to who sent it: what is registered then is what they send next."""
    for one in said.heard:
        if one.word.says == NOTICE and one.person is not None:
            _spends(use, one.person.token, REGISTERS)


def _spends(use: Use, token: str, operation: str) -> bool:
    """Whether that had not been done on it before."""
    try:
        use.spend(token, operation)
    except CallerError:
        return False
    return True


def _proved(use: Use, deciding: Deciding, heard: Sequence[Heard]) -> Iterator[ProvedWord]:
    for one in heard:
        person = one.person
        assert person is not None and one.code is not None
        use.spend(person.token)
        for_other = person.acted_for if person.principal != person.subject else None
        yield ProvedWord(
            says=one.word.says,
            by=deciding.store.pseudonym(one.code),
            said_at=person.acted_at,
            proof=person.token,
            statement_sha256=str(person.statement),
            mandate=None if for_other is None else for_other.mandate,
            chain_sha256=None if for_other is None else for_other.sha256,
            basis=None if for_other is None else for_other.basis,
        )


def _place_of(asked: NewMove) -> dict[str, Any]:
    if asked.dwelling is not None:
        return {"dwelling": asked.dwelling}
    if asked.to.division is not None:
        return {"division": asked.to.division}
    return {"country": asked.to.country, "address": asked.to.address or ""}


def _unproved(said: SaidOfMove, place: dict[str, Any], valid_from: str) -> Iterator[Defect]:
    for number, one in enumerate(said.heard):
        refusal = _refusal(one, said, place, valid_from)
        if refusal is not None:
            yield Defect(refusal.code, refusal.message, f"/words/said/{number}")


def _refusal(one: Heard, said: SaidOfMove, place: dict[str, Any], valid_from: str) -> PlatformError | None:
    """Raises Unavailable: whether it is so cannot be told now."""
    if one.refusal is not None:
        if not isinstance(one.refusal, CallerError):
            raise one.refusal
        return one.refusal
    assert one.person is not None
    statement = statement_of(
        one.word.says, place=place, people=said.people, valid_from=valid_from, notice=said.notice
    )
    if one.word.says in KINDS and one.person.statement == statement_hash(statement, one.word.salt):
        return None
    return CallerError("something else was said than what is to be done", code=UNPROVEN)


def _missing(use: Use, asked: NewMove, said: SaidOfMove, minors: Collection[str]) -> Iterator[Defect]:
    """Whose word there is none of."""
    senders, going = said.by(NOTICE), said.by(NOTICE, JOINING)
    for number, person in enumerate(asked.people):
        if person not in said.people:
            yield Defect(UNPROVEN, "the notice named others", f"/people/{number}")
        elif person not in minors and person not in going:
            yield _nobody(f"/people/{number}")
    custodians = {code for child in asked.people for code in asked.custodians.get(child, ())}
    for child in minors:
        for number, custodian in enumerate(asked.custodians.get(child, ())):
            if custodian not in said.by(NOTICE, CUSTODY):
                yield _nobody(f"/custodians/{child}/{number}")
    if not senders & {*asked.people, *custodians}:
        yield Defect(UNPROVEN, "nobody whom it is about sent the notice", "/words")
    for number, owner in enumerate(asked.consent_owners):
        if owner not in (*asked.people, *said.by(NOTICE, CONSENT)):
            yield _nobody(f"/consent/owners/{number}")
    if asked.wanted is not None and asked.to.division != _division_of(use, asked, asked.wanted):
        yield Defect(UNPROVEN, "the dwelling that they spoke of is in another commune", "/to/division")


def _division_of(use: Use, asked: NewMove, dwelling_id: str) -> str | None:
    try:
        return dwelling(use, dwelling_id, on=asked.valid_from).address.division
    except CallerError:
        return None


def _nobody(pointer: str) -> Defect:
    return Defect(UNPROVEN, "it is not proved that they said so", pointer)


def _refuse(wrong: Sequence[Defect]) -> None:
    codes = {one.code for one in wrong if one.pointer.startswith("/words/said/")}
    if wrong:
        code = codes.pop() if len(codes) == 1 else UNPROVEN
        raise Defects("whose word it is, is not proved", code=code, defects=wrong)
