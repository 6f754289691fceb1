"""What a register holds about a person, put as people read it: in an order, with days, in words; what was before stands aside. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sild.cases import FactLine
from sild.errors import PeerError
from sild.i18n import format_day, format_money

__all__ = ["OwnLine", "Sayer", "own_lines", "split"]

PAYMENTS, PAY, BENEFITS = "person.payments", "person.contributions", "person.benefits"
CARD = "person.insurance_card"
COVER, QUEUE, HOME_CHANGE = "person.insurance_cover", "child.kindergarten_queue", "person.home_change"
BIRTH_NOTICE, REGISTRATION, PATERNITY = "child.birth_notice", "child.birth_registration", "child.paternity"
VOTES = "person.voting_place"
SCHOOL = "child.school_district"
BEGINS = {VOTES: "votes_from", SCHOOL: "attends_from"}
"""Facts that stand before their day, and where the value says it."""
OWNED = "company.dwellings"
NEWEST_FIRST = (BENEFITS, PAY, PAYMENTS, HOME_CHANGE, OWNED)
"""Of these there are ever more: the newest stand first, and some of them alone."""
SHOWN_OF_MANY = 6
CODED = {COVER: "kind", HOME_CHANGE: "outcome", REGISTRATION: "status", PATERNITY: "answer"}
"""Of these one code is for people, and the decision."""
ORDER = (
    "person.given_names", "person.family_name", "person.date_of_birth", "person.place_of_birth", "person.sex",
    "person.citizenship", "person.residence", "person.marriage", "person.parents", "person.guardians", "person.custody",
    COVER, CARD, *NEWEST_FIRST[:2], QUEUE, SCHOOL, PAYMENTS, "person.practice", "person.tax_residence", VOTES, "person.parking_permit", "person.leases", "person.board_membership", "person.shareholding", HOME_CHANGE,
    "company.name", "company.legal_form", "company.registered_office", "company.status", "company.representation", "company.board", OWNED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OwnLine(FactLine):
    """valid_to: the first day on which it is no longer true.  known_to: when something better took its place.  is_disputed: the
    person, or somebody for them, said that it is wrong, and nobody has answered yet.
    """

    valid_to: str | None = None
    known_to: str | None = None
    is_disputed: bool = False

    @property
    def last_day(self) -> date | None:
        return None if self.valid_to is None else date.fromisoformat(self.valid_to[:10]) - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sayer:
    """word: a code of a concept for people.  concept: one in words.  say: a text by key.  decides: names in addresses, by subsystem, of
    registers whose decisions are shown here.
    """

    language: str
    word: Callable[[str, str], str]
    concept: Callable[[str], str]
    say: Callable[..., str]
    decides: Mapping[str, str]

    def money(self, said: Mapping[str, Any]) -> str:
        """Raises PeerError: no amount, or none of a currency."""
        try:
            return format_money(said["amount"], said["currency"], self.language)
        except (KeyError, ValueError, TypeError):
            raise PeerError("not an amount of money", code="bad_facts") from None

    def decision(self, register: str, said: Mapping[str, Any]) -> str | None:
        """For an address: `social/ID`."""
        name, number = self.decides.get(register), said.get("decision")
        return f"{name}/{number}" if name and number else None


def own_lines(
    register: str, content: Any, sayer: Sayer, *, person: str
) -> list[OwnLine]:  # JSON of a register
    """All of them, in the order of `ORDER`. person: whose they are, without the country. Raises PeerError: no list of facts."""
    items = content.get("items", content.get("facts")) if isinstance(content, dict) else content
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise PeerError("not a list of facts", code="bad_facts")
    lines = [_worded(_line(register, item, sayer), item, sayer, person) for item in items]
    known = {concept: number for number, concept in enumerate(ORDER)}
    lines.sort(key=lambda one: known.get(one.concept, len(ORDER)))
    for concept in NEWEST_FIRST:
        first = next((number for number, one in enumerate(lines) if one.concept == concept), None)
        if first is not None:
            same = [one for one in lines if one.concept == concept]
            same.sort(key=lambda one: (one.valid_from or "", one.ref or 0), reverse=True)
            lines[first : first + len(same)] = same
    return lines


def split(
    lines: Sequence[OwnLine], today: date, *, whole: bool = False
) -> tuple[list[OwnLine], list[OwnLine]]:
    """What holds, and what was before: ended, corrected, or the older of many. Each state of a payment follows the one before; the
    last alone is told. whole: the older of many stand with the newest.
    """
    holds: list[OwnLine] = []
    before: list[OwnLine] = []
    many = dict.fromkeys(NEWEST_FIRST, 0)
    for line in lines:
        if line.known_to is not None:
            if line.concept != PAYMENTS and line.value is not None:
                before.append(line)
            continue
        is_over = line.last_day is not None and line.last_day < today and line.concept != PAY
        if line.concept in many and not is_over:
            many[line.concept] += 1
            is_over = not whole and many[line.concept] > SHOWN_OF_MANY
        (before if is_over else holds).append(line)
    return holds, before


def _line(register: str, item: Mapping[str, Any], sayer: Sayer) -> OwnLine:
    for name in ("valid_from", "valid_to", "known_to"):
        if item.get(name) is not None:
            _ensure_day(item[name])
    known_to = item.get("known_to")
    return OwnLine(
        concept=_concept(item),
        of="self",
        value=_value(item, sayer.word),
        register=register,
        source=item.get("source"),
        valid_from=item.get("valid_from"),
        known_from=item.get("known_from"),
        basis=item.get("basis"),
        ref=item.get("fact") if isinstance(item.get("fact"), int) and known_to is None else None,
        valid_to=item.get("valid_to"),
        known_to=known_to,
        is_disputed=item.get("disputed") is True,
    )


def _worded(line: OwnLine, item: Mapping[str, Any], sayer: Sayer, person: str) -> OwnLine:
    """Of what is more than a word: how much, what for, of whom, how it stands, and the decision it rests on."""
    said = item.get("value")
    if not isinstance(said, Mapping):
        return line
    own = sayer.decision(line.register, said)
    if line.concept == PAYMENTS:
        whose = "/".join(str(said.get("authority", "")).split("/")[1:])
        state = sayer.word(PAYMENTS, str(said.get("state")))
        return replace(
            line,
            label=sayer.concept(f"benefit.{said.get('purpose')}"),
            value=[sayer.money(said), state, *([said["on"]] if said.get("on") else [])],
            decision=sayer.decision(whose, said),
        )
    if (
        line.concept == OWNED
    ):  # of which there may be many: what is wrong with one is said at the register of dwellings
        return replace(line, ref=None)
    if line.concept == PAY:
        payer = item.get("key")
        by = [sayer.say("my_data.paid_by", payer=payer)] if payer else []
        return replace(line, value=[sayer.say("my_data.a_month", money=sayer.money(said)), *by])
    if line.concept == BENEFITS:
        money = sayer.money(said)
        often = money if said.get("per") == "once" else sayer.say("my_data.a_month", money=money)
        whom = [sayer.say("my_data.for_child", child=said["child"])] if said.get("child") else []
        return replace(
            line, label=sayer.concept(f"benefit.{said.get('benefit')}"), value=[often, *whom], decision=own
        )
    if line.concept in CODED:
        return replace(line, value=sayer.word(line.concept, str(said.get(CODED[line.concept]))), decision=own)
    if line.concept == BIRTH_NOTICE:
        told = [str(said[name]) for name in ("hospital", "value") if said.get(name)]
        return replace(line, value=[*told, *_notified(said.get("notified"), sayer)])
    if line.concept in BEGINS:
        return replace(line, value=_begins(line, item, said, sayer, person))
    if line.concept == CARD:
        return replace(line, value=[str(said.get("number")), sayer.word(CARD, str(said.get("state")))])
    if line.concept == QUEUE:
        return replace(line, value=_queue(item, said, sayer, person), decision=own)
    return line


def _notified(said: object, sayer: Sayer) -> list[str]:
    """Who signed the hospital's notice, by name and profession; of an earlier one nobody."""
    if not isinstance(said, Mapping):
        return []
    return [f"{said.get('name')}, {sayer.word(BIRTH_NOTICE, str(said.get('profession')))}"]


def _begins(
    line: OwnLine, item: Mapping[str, Any], said: Mapping[str, Any], sayer: Sayer, person: str
) -> list[str] | str:
    """With the day from which it counts, where that comes later than the fact; and whose it is, of a child shown with a parent."""
    whose, from_ = item.get("entity"), said.get(BEGINS[line.concept])
    more = []
    if str(from_ or "") > str(line.valid_from or ""):
        _ensure_day(from_)
        day = format_day(date.fromisoformat(str(from_)[:10]), sayer.language)
        more.append(sayer.say("my_data.from_day", day=day))
    if whose and whose != person:
        more.append(sayer.say("my_data.for_child", child=whose))
    return [str(line.value), *more] if more else str(line.value)


def _queue(item: Mapping[str, Any], said: Mapping[str, Any], sayer: Sayer, person: str) -> list[str]:
    """With the place in the line of this moment, which follows from the fact and is none itself."""
    whose = item.get("entity")
    follows = item.get("follows")
    now = follows if isinstance(follows, Mapping) else {}
    of = [sayer.say("my_data.for_child", child=whose)] if whose and whose != person else []
    where = [str(said["kindergarten"])] if said.get("kindergarten") else []
    place = now.get("place")
    line = [sayer.say("my_data.in_line", place=place, waiting=now.get("waiting", place))] if place else []
    return [sayer.word(QUEUE, str(said.get("state"))), *where, *line, *of]


def _concept(item: Mapping[str, Any]) -> str:
    return str(item.get("concept") or item.get("name") or "")


def _value(item: Mapping[str, Any], word: Callable[[str, str], str]) -> Any:  # JSON
    """The register's own words; of a fact that stands once for each key (a parent, a citizenship) what it is to the person,
    where the value says so, and who or which it is."""
    concept = _concept(item)
    key, value, text = item.get("key"), item.get("value"), item.get("text")
    if isinstance(value, str):
        value = word(concept, value)
    if not key or isinstance(value, Mapping):
        return text if isinstance(text, str) else value
    which = text if isinstance(text, str) else word(concept, str(key))
    return [value, which] if isinstance(value, str) else which


def _ensure_day(text: object) -> None:
    """Raises PeerError."""
    try:
        if isinstance(text, str) and date.fromisoformat(text[:10]) > date.min:
            return
    except ValueError:
        pass
    raise PeerError("not a day", code="bad_facts")
