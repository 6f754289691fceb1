"""What the register knows of a move as facts for the rules of registration, and the decision: by rule when nobody acts, else by an official.

Nothing of it is left to discretion: an official enters what nothing in the law stands against, and sends back what it does. What the
rules forbid nobody enters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sild.decisions import OutcomeItem, Reason, Secret
from sild.errors import CallerError, Unavailable
from sild.registries.deciding import (
    Deciding,
    Judged,
    KnownFact,
    Look,
    Ruling,
    brought,
    human_step,
    reason_of,
)
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.kernel import Defect, Fact, Use
from sild.registries.kernel.facts import Json
from sild.registries.residence.divisions import profile_of

__all__ = [
    "ALGORITHM",
    "OUTPUT",
    "PACK",
    "PACKAGES",
    "Destination",
    "Found",
    "NewMove",
    "article_of",
    "forbidden",
    "judge",
    "judge_again",
    "law_of",
    "registered",
    "returned",
    "says",
]

ALGORITHM = "residence-registration"
PACK = "residence"
PACKAGES: dict[Country, str] = {"EE": "ee-residence-registration", "VN": "vn-residence-registration"}
MOVE = "moves/move"
OUTPUT = "move"
RULED = {
    "unknown_dwelling": "place_is_there",
    "unknown_division": "place_is_there",
    "division_ended": "place_is_there",
    "unknown_person": "people_are_known",
    "person_is_dead": "people_live",
    "custodian_missing": "custody_agrees",
    "day_does_not_fit": "days_fit",
    "told_too_late": "told_in_time",
    "conflicting_notice": "one_home",
    "consent_missing": "leave_to_live_there",
    "not_an_owner": "consent_is_an_owners",
    "over_capacity": "there_is_room",
    "not_the_household": "household_fits",
}
"""By the kind of what is wrong the output of the rules that says so."""
RULES_FORBID = Defect("needs_an_official", "the rules let nobody enter this")
SAID = frozenset(("custodian_agrees", "consent", "dwelling_named"))
"""What people said, and the case system passed on."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One of the three. country, address: abroad."""

    dwelling: str | None = None
    division: str | None = None
    country: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class NewMove:
    """sent_on: when the people sent it.  consent: kind (owner, lease, court), owners who consented, document.

    custodians: who consented for a minor, by the minor's code.  joins: somebody whose household they join.
    wanted: the dwelling that was asked for, where no owner's word lets it be entered.
    """

    people: tuple[str, ...]
    to: Destination
    valid_from: date
    sent_on: date
    consent_kind: str | None = None
    consent_owners: tuple[str, ...] = ()
    document: str | None = None
    custodians: Mapping[str, Sequence[str]] = field(default_factory=dict)
    joins: str | None = None
    wanted: str | None = None

    @property
    def dwelling(self) -> str | None:
        """That was named, whether it can be entered or not."""
        return self.to.dwelling or self.wanted

    def to_json(self) -> dict[str, Json]:
        to = self.to
        return {
            "people": list(self.people),
            "to": {name: getattr(to, name) for name in ("dwelling", "division", "country", "address")},
            "valid_from": self.valid_from.isoformat(),
            "sent_on": self.sent_on.isoformat(),
            "consent_kind": self.consent_kind,
            "consent_owners": list(self.consent_owners),
            "document": self.document,
            "custodians": {child: list(people) for child, people in self.custodians.items()},
            "joins": self.joins,
            "wanted": self.wanted,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> NewMove:
        days = {name: date.fromisoformat(value[name]) for name in ("valid_from", "sent_on")}
        lists = {name: tuple(value[name]) for name in ("people", "consent_owners")}
        return cls(**{**value, **days, **lists, "to": Destination(**value["to"])})


@dataclass(frozen=True, slots=True)
class Found:
    """What the register found out about a move. people: facts of each, by code.  move: of the move itself.

    wrong: what stands against it, each with its kind (`RULED`).  told_by: of a person's fact the register's own that it is made of.
    """

    people: Mapping[str, Mapping[str, Json]]
    move: Mapping[str, Json]
    wrong: Sequence[tuple[str, Defect]]
    told_by: Mapping[tuple[str, str], Sequence[Fact]] = field(default_factory=dict)


def article_of(deciding: Deciding, package: str, reason: str) -> str:
    """Of a reason that the rules give, with the act's name: what an official says stands there, too."""
    return next(one.article for one in deciding.package(package).reasons if one.code == reason)


def law_of(asked: NewMove, division: str | None) -> Country:
    """Whose law counts: that of the place, abroad that of who moves."""
    if division is not None:
        return "VN" if profile_of(division).country == "VN" else "EE"
    return parse_identity_code(asked.people[0]).country


def judge(deciding: Deciding, use: Use, country: Country, found: Found) -> Judged:
    """Raises Unavailable (`rules_failed`): nobody enters a home before they run again."""
    return _judge(deciding, use, PACKAGES[country], tuple(_facts(deciding, use, PACKAGES[country], found)))


def judge_again(deciding: Deciding, use: Use, package: str, facts: Sequence[KnownFact]) -> Judged:
    """Of the facts of an earlier decision, some of them as they are now. Raises Unavailable (`rules_failed`)."""
    return _judge(deciding, use, package, tuple(facts))


def _judge(deciding: Deciding, use: Use, package: str, facts: tuple[KnownFact, ...]) -> Judged:
    outputs = [(OUTPUT, variable, "ETERNITY") for variable in deciding.package(package).outputs]
    try:
        return deciding.judge(package, facts, at=use.today, outputs=outputs)
    except CallerError as error:
        raise Unavailable("the rules of registration do not run", code="rules_failed") from error


def forbidden(judged: Judged, found: Found) -> list[Defect]:
    """What the rules let nobody enter, in the register's words."""
    if says(judged, "registrable") is True:
        return []
    named = [wrong for kind, wrong in found.wrong if says(judged, RULED[kind]) is not True]
    return named or [RULES_FORBID]


def says(judged: Judged, variable: str) -> Json:
    if variable not in judged.package.outputs:
        return None
    return judged.evaluation.value(OUTPUT, variable, "ETERNITY")


def _facts(deciding: Deciding, use: Use, package: str, found: Found) -> Iterator[KnownFact]:
    """Only those that the package of the country asks for."""
    wanted, own = deciding.package(package).facts, deciding.kernel.system
    names = {code: f"mover-{number}" for number, code in enumerate(found.people, 1)}
    yield KnownFact(f"{MOVE}/mover", "role", list(names.values()), register=own, in_clear=True)
    rows = [
        *(
            (f"persons/{names[code]}", *row, code)
            for code, said in found.people.items()
            for row in said.items()
        ),
        *((MOVE, *row, "") for row in found.move.items()),
    ]
    for place, variable, value, code in rows:
        if variable in wanted:
            told = brought(found.told_by.get((code, variable), ()), own)
            if variable in SAID:
                told = {"message_id": use.usage.message_id}
            yield KnownFact(
                f"{place}/{variable}/ETERNITY",
                wanted[variable].type,
                value,
                register=own,
                asserted_by="person" if variable in SAID else "register",
                valid_at=use.today,
                **told,
            )


# --- rulings


def registered(
    deciding: Deciding,
    use: Use,
    country: Country,
    asked: NewMove,
    subjects: Sequence[tuple[str, str]],
    look: Look,
    *,
    level: str,
    text: str | None,
) -> Ruling:
    """The entry, by whoever acts: a rule when nobody does."""
    official = use.usage.actor
    article = article_of(deciding, PACKAGES[country], "registrable")
    by_official = reason_of(PACK, "by_official", article, origin="official", said=look.words)
    refused = reason_of(PACK, "owner_refused", article)
    is_less = asked.wanted is not None and asked.to.dwelling is None
    reasons = (*((by_official,) if official else ()), *((refused,) if is_less else ()))
    shown = {"move": asked.to_json(), "level": level}
    return Ruling(
        country=country,
        effect="partial" if is_less else "grant",
        step="registration",
        service="move" if asked.joins is None else "birth",
        algorithm=ALGORITHM,
        purpose="registration of a home",
        subjects=tuple(subjects),
        outcome="residence.registration",
        items=tuple(_items(asked, level, text)),
        reasons=reasons,
        human=(human_step(deciding, official, look, "confirm", shown=shown),) if official else (),
    )


def returned(
    deciding: Deciding, use: Use, country: Country, asked: NewMove, codes: Sequence[str], look: Look
) -> Ruling:
    """The notice sent back to who sent it. Raises CallerError (`needs_a_person`), KeyError for a reason that has no words."""
    official = use.usage.actor
    if official is None:
        raise CallerError("an official decides this", code="needs_a_person")
    article = article_of(deciding, PACKAGES[country], "registrable")
    first = reason_of(PACK, "returned", article, origin="official", said=look.words)
    why: tuple[Reason, ...] = (first, *(reason_of(PACK, one, article, origin="official") for one in codes))
    shown = {"move": asked.to_json(), "reasons": list(codes)}
    return Ruling(
        country=country,
        effect="demand",
        step="return",
        service="move",
        algorithm=ALGORITHM,
        purpose="registration of a home",
        subjects=((asked.people[0], "resident"),),
        outcome="residence.return",
        reasons=why,
        human=(human_step(deciding, official, look, "return", shown=shown, reason_code=codes[0]),),
    )


def _items(asked: NewMove, level: str, text: str | None) -> Iterator[OutcomeItem]:
    yield OutcomeItem(name="level", type="text", value=level)
    yield OutcomeItem(name="place", type="text", value=Secret(secret=text or asked.to.division or level))
    yield OutcomeItem(name="valid_from", type="date", value=Secret(secret=asked.valid_from.isoformat()))
