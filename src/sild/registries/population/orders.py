"""Protection orders, and whom they keep from whom on which days: what is worked out of them is said as facts, and told to every register.

An order stands as a court gave it, under the person it protects (`ORDER`, no fact that is shown). Of it follow facts `protection` of
everybody it keeps somebody from: of the protected, of the children it names, and of the protected person's other children under age,
whom it *covers*: where a child is, there the parent is. Naming holds as it was said. Covering is this register's own conclusion, so

- it never takes the last of a child's representatives: where it would keep away everybody who may speak for the child (both parents
  have an order against the other), it keeps none of them away, and a court has to say whom the child stays with, by naming it;
- it never keeps a child from its own mother for an order that was there before the fatherhood: nobody gets a newborn away from its
  mother by being her husband, or by an acknowledgement.

Whatever changes any of this (an order, its end, a birth, a father, a guardian, a death) works it out anew (`settle`): the difference
is recorded and told: `civil.protection.ordered` says of days by what somebody is kept away, in the place of what was said of them
before; `civil.protection.ended`, that they are kept away no longer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from sild.errors import CallerError
from sild.registries.kernel import Fact, Use, provenance
from sild.registries.population.records import grown_up

__all__ = ["PROTECTION", "SPEAKING", "Stretch", "end_order", "give_order", "kept_away", "settle"]

PROTECTION = "protection"
ORDER = "protection_order"
SPEAKING = ("custody", "guardian")
"""Who has one of these speaks for a person by law."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days, `ends` not among them (None: no end known), on which somebody is kept from a person.

    through: the parent by whose order a child is covered that it does not name; None: the order names the person.
    """

    against: str
    begins: date
    ends: date | None
    order: str
    protected: str
    through: str | None = None

    def holds_on(self, day: date) -> bool:
        return self.begins <= day and (self.ends is None or day < self.ends)


@dataclass(frozen=True, slots=True)
class _Order:
    """said: the fact by which the register knows of it; what was said later has a greater number."""

    number: str
    protected: str
    against: str
    children: tuple[str, ...]
    begins: date
    ends: date | None
    said: int


def give_order(
    use: Use,
    number: str,
    *,
    protected: str,
    against: str,
    children: Sequence[str],
    begins: date,
    ends: date | None,
) -> list[str]:
    """Record it; what follows of it is said by `settle` of each who may be concerned: their codes, the protected first."""
    value = {"order": number, "against": against, "children": list(children)}
    use.facts.record(
        protected,
        ORDER,
        value,
        key=_key(number, against),
        valid_from=begins,
        valid_to=ends,
        provenance=provenance(use),
    )
    return list(dict.fromkeys((protected, *children, *_children(use, protected))))


def end_order(use: Use, number: str, *, protected: str, against: str, ends: date) -> list[str]:
    """ends: the first day on which it holds no longer. Gives whom it may concern, as `give_order`.

    Raises CallerError (`unknown_order`; `not_your_order`: another information system gave it; `end_out_of_range`).
    """
    _take_over(use, number, protected, against)
    kept = _kept(use, protected, number, against)
    if not kept:
        raise CallerError("no such order against this person protects them", code="unknown_order")
    if any(one.provenance.source != provenance(use).source for one in kept):
        raise CallerError("the authority that gave an order ends it", code="not_your_order")
    lasting = [one for one in kept if one.valid_to is None or one.valid_to > ends]
    if ends < use.today or not lasting:
        raise CallerError("an order ends today or later, before its last day", code="end_out_of_range")
    named = [child for one in lasting for child in one.value["children"]]
    use.facts.retract(protected, ORDER, key=_key(number, against), valid_from=ends)
    told = [one.entity for one in _of_order(use, number, protected, against)]
    return list(dict.fromkeys((protected, *named, *told, *_children(use, protected))))


def settle(use: Use, person: str, *, again: str | None = None, since: date | None = None) -> set[str]:
    """Say and tell what has changed about whom orders keep from the person; against whom covering the child was left out.

    again: number of an order that is told whether it is news or not.  since: first day that is looked at, today by default.
    """
    since = since or use.today
    wanted, left_out = _worked_out(use, person, since)
    said = [_stretch(fact) for fact in _said(use, person) if fact.valid_to is None or fact.valid_to > since]
    ended, begun = [], []
    for against in sorted({one.against for one in (*wanted, *said)}):
        new = [one for one in wanted if one.against == against]
        old = [one for one in said if one.against == against]
        for begins, ends in _between(since, (*new, *old)):
            before = next((one for one in old if one.holds_on(begins)), None)
            now = next((one for one in new if one.holds_on(begins)), None)
            if before is not None and now is None:
                ended.append(_on(before, begins, ends))
            if now is not None and (now.order == again or before is None or _named(now) != _named(before)):
                begun.append(_on(now, begins, ends))
    for one in _joined(ended):
        use.facts.retract(person, PROTECTION, key=one.against, valid_from=one.begins, valid_to=one.ends)
        _tell(use, "civil.protection.ended", person, one)
    for one in _joined(begun):
        _record(use, person, one)
        _tell(use, "civil.protection.ordered", person, one)
    return left_out


def kept_away(use: Use, person: str) -> set[str]:
    """Who is kept from the person today."""
    return {one.against for one in _worked_out(use, person, use.today)[0] if one.holds_on(use.today)}


# --- what follows of orders


def _worked_out(use: Use, person: str, since: date) -> tuple[list[Stretch], set[str]]:
    """From a day on; and whom covering would keep away, but for the rule that somebody must speak for the child."""
    says = list(_sayings(use, person))
    facts = use.facts.history(person)
    custody = [one for one in facts if one.name in SPEAKING and one.known_to is None]
    found: list[Stretch] = []
    left_out: set[str] = set()
    for begins, ends in _between(since, (*says, *custody)):
        on = [one for one in says if one.holds_on(begins)]
        named = {one.against: one for one in on if one.through is None}
        covering = {one.against: one for one in on if one.through is not None and one.against not in named}
        able = {one.key for one in custody if one.is_true_on(begins)} - named.keys()
        if able and able <= covering.keys():
            left_out |= able
            covering = {against: one for against, one in covering.items() if against not in able}
        found += [_on(one, begins, ends) for one in (*named.values(), *covering.values())]
    return _joined(found), left_out


def _sayings(use: Use, person: str) -> Iterator[Stretch]:
    """Each order as it bears on the person, the newest last."""
    links = {link.key: link for link in use.facts.current(person, ["parent"], on=use.today)}
    mother = next((link.key for link in links.values() if link.value == "mother"), None)
    of_age = _of_age(use, person) if links else None
    said = _said(use, person)
    sources = dict.fromkeys((person, *links, *(fact.value["protected"] for fact in said)))
    orders = [order for source in sources for order in _orders(use, source)]
    for order in sorted(orders, key=lambda one: one.said):
        if order.against == person:
            continue
        if person == order.protected or person in order.children:
            yield _bearing(order, order.begins, order.ends)
        elif order.protected in links and of_age is not None:
            if order.against == mother and order.said < links[order.protected].origin:
                continue
            ends = min(order.ends or of_age, of_age)
            if order.begins < ends:
                yield _bearing(order, order.begins, ends, through=order.protected)
    kept = {(order.protected, order.number, order.against) for order in orders}
    kept |= {(source, *which) for source in sources for which in _ever(use, source)}
    for fact in said:  # of before orders stood for themselves
        one = _stretch(fact)
        if one.through is None and (one.protected, one.order, one.against) not in kept:
            yield one


def _ever(use: Use, protected: str) -> set[tuple[str, str]]:
    """Number, and against whom, of the orders that stand, or stood, for themselves: also of those that have ended."""
    return {(fact.value["order"], fact.value["against"]) for fact in use.facts.history(protected, ORDER)}


def _orders(use: Use, protected: str) -> Iterator[_Order]:
    """Of this person: those that stand for themselves, and those of before, of which only the person's own fact is left."""
    kept = _ever(use, protected)
    for fact in use.facts.history(protected, ORDER):
        if fact.known_to is None:
            value = fact.value
            yield _Order(
                value["order"],
                protected,
                value["against"],
                tuple(value["children"]),
                fact.valid_from,
                fact.valid_to,
                fact.origin,
            )
    for fact in _said(use, protected):
        one = _stretch(fact)
        if one.protected == protected and (one.order, one.against) not in kept:
            yield _Order(one.order, protected, one.against, (), one.begins, one.ends, fact.origin)


def _take_over(use: Use, number: str, protected: str, against: str) -> None:
    """An order of before orders stood for themselves does so from now on."""
    if any(fact.key == _key(number, against) for fact in use.facts.history(protected, ORDER)):
        return
    told = _of_order(use, number, protected, against)
    for own in (one for one in told if one.entity == protected):
        named = [one.entity for one in told if one.entity != protected and "through" not in one.value]
        use.facts.record(
            protected,
            ORDER,
            {"order": number, "against": against, "children": sorted(set(named))},
            key=_key(number, against),
            valid_from=own.valid_from,
            valid_to=own.valid_to,
            provenance=own.provenance,
        )


# --- facts and events


def _of_order(use: Use, number: str, protected: str, against: str) -> list[Fact]:
    found = use.facts.saying(PROTECTION, "order", number)
    return [one for one in found if one.key == against and one.value["protected"] == protected]


def _kept(use: Use, protected: str, number: str, against: str) -> list[Fact]:
    return [
        one for one in use.facts.history(protected, ORDER, key=_key(number, against)) if one.known_to is None
    ]


def _said(use: Use, person: str) -> list[Fact]:
    return [fact for fact in use.facts.history(person, PROTECTION) if fact.known_to is None]


def _children(use: Use, parent: str) -> list[str]:
    return sorted(link.entity for link in use.facts.entities_with("parent", parent, on=use.today))


def _of_age(use: Use, person: str) -> date | None:
    """When a living person is; None: they died."""
    known = use.facts.values_of([person], ["born", "died"], on=use.today)[person]
    return None if "died" in known else grown_up(date.fromisoformat(known["born"]))


def _record(use: Use, person: str, one: Stretch) -> None:
    value = {"order": one.order, "protected": one.protected} | (
        {"through": one.through} if one.through else {}
    )
    use.facts.record(
        person,
        PROTECTION,
        value,
        key=one.against,
        valid_from=one.begins,
        valid_to=one.ends,
        provenance=provenance(use),
    )


def _tell(use: Use, event_type: str, person: str, one: Stretch) -> None:
    data = {
        "against": one.against,
        "valid_from": one.begins.isoformat(),
        "valid_to": one.ends and one.ends.isoformat(),
    }
    use.publish(event_type, person, data | ({"through": one.through} if one.through else {}))


def _key(number: str, against: str) -> str:
    return hashlib.sha256(f"{against}/{number}".encode()).hexdigest()


# --- days


def _stretch(fact: Fact) -> Stretch:
    value = fact.value
    return Stretch(
        fact.key, fact.valid_from, fact.valid_to, value["order"], value["protected"], value.get("through")
    )


def _bearing(order: _Order, begins: date, ends: date | None, *, through: str | None = None) -> Stretch:
    return Stretch(order.against, begins, ends, order.number, order.protected, through)


def _on(one: Stretch, begins: date, ends: date | None) -> Stretch:
    return Stretch(one.against, begins, ends, one.order, one.protected, one.through)


def _named(one: Stretch) -> tuple[str, str, str | None]:
    return one.order, one.protected, one.through


def _between(since: date, spans: Sequence[Stretch | Fact]) -> Iterator[tuple[date, date | None]]:
    """The days from `since` on, cut where any of these begins or ends."""
    days = {since}
    for one in spans:
        begins, ends = (one.begins, one.ends) if isinstance(one, Stretch) else (one.valid_from, one.valid_to)
        days |= {day for day in (begins, ends) if day is not None and day > since}
    yield from pairwise([*sorted(days), None])


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Those that follow one another and say the same, as one."""
    joined: list[Stretch] = []
    for one in sorted(stretches, key=lambda each: (each.against, each.begins)):
        last = joined[-1] if joined else None
        if (
            last is not None
            and (last.against, last.ends) == (one.against, one.begins)
            and _named(last) == _named(one)
        ):
            joined[-1] = _on(last, last.begins, one.ends)
        else:
            joined.append(one)
    return joined
