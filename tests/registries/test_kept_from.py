"""Who is told where a child is when an order protects its mother: one table, asked of the rule and of every register that has a child's data.

Real registers: population says the order, its own events bring it to the others, and each is asked over HTTP, while the clock goes from
before the order's first day to the day after its last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sild.registries import (
    CareRegister,
    EducationRegister,
    InsuranceRegister,
    PopulationRegister,
    ResidenceRegister,
    SocialRegister,
    care_app,
    education_app,
    insurance_app,
    population_app,
    residence_app,
    social_app,
)
from sild.registries.education.rules import QUEUE
from sild.registries.education.schools import SCHOOL
from sild.registries.kernel import Provenance, Usage, is_kept_from
from sild.registries.synthetic import AS_OF, SyntheticPerson, synthetic_people
from support.acting import serving

from .asking import CLIENT, Asker
from .conftest import SetClock

FIRST, LAST = date(2026, 3, 5), date(2026, 3, 9)
"""Days on which the order is in force."""
DAYS = {
    "not begun": FIRST - timedelta(days=1),
    "first day": FIRST,
    "last day": LAST,
    "ended": LAST + timedelta(days=1),
}
OTHERS: dict[str, tuple[Any, Callable[..., Any]]] = {
    "residence": (ResidenceRegister, residence_app),
    "insurance": (InsuranceRegister, insurance_app),
    "social": (SocialRegister, social_app),
    "education": (EducationRegister, education_app),
    "care": (CareRegister, care_app),
}
KEPT_FACTS = {
    "insurance": ("insurance_card", {"number": "K-1", "state": "valid", "office": "MARK-insurance"}),
    "social": ("home_change", {"outcome": "MARK-social", "decision": None}),
    "education": (QUEUE, {"state": "waiting", "kindergarten": "MARK-education", "wanted_from": "2027-09-01"}),
    "care": ("practice", {"practice": "EE-0784-1", "name": "MARK-care", "division": "0784"}),
}
"""Of each register that has such a thing, a fact that says which doors the child goes through."""
SCHOOL_NAME = "MARK-school"
SERVES = {"school": SCHOOL_NAME, "division": "0784", "attends_from": "2033-09-01"}
READERS = ("mother", "child", "father", "third", "stranger")
"""third: feared instead of the father, in some rows.  stranger: an official."""


@dataclass(frozen=True)
class Family:
    """named: whether the order names the child.  feared: `father` or `third`.  over: whether its days were over when it was recorded.

    mutual: the father has one against the mother, too.  ended: by who gave it, before its first day.
    """

    named: bool
    feared: str
    over: bool = False
    mutual: bool = False
    ended: bool = False


FAMILIES = (
    Family(True, "father"),
    Family(False, "father"),
    Family(True, "third"),
    Family(False, "third"),
    Family(False, "father", over=True),
    Family(False, "father", mutual=True),
    Family(True, "father", ended=True),
)


def is_told(family: Family, reader: str, day: str) -> bool:
    """The table. Whom an order in force is against is not told, whether it names the child or not; everybody else is, and on all other days."""
    in_force = day in ("first day", "last day") and not (family.over or family.mutual or family.ended)
    return not (in_force and reader == family.feared)


@dataclass
class Registers:
    clock: SetClock
    by_name: Mapping[str, Any]
    askers: Mapping[str, Asker]
    told: set[str]

    def deliver(self, persons: list[str]) -> None:
        """What population has published of them, to every other register, once."""
        for person in persons:
            for delivery in self.by_name["population"].kernel.outbox.deliveries_about(person):
                event = delivery.event
                if event.type.startswith("civil.protection.") and event.id not in self.told:
                    self.told.add(event.id)
                    for name in OTHERS:
                        self.by_name[name].apply_event(event, f"m-{event.id}")


@pytest.fixture
def registers(tmp_path: Path, hand_clock: SetClock) -> Iterator[Registers]:
    with ExitStack() as opened:
        population = PopulationRegister.open(
            tmp_path / "population", system="/SILD/GOV/70000002/population", people=400, clock=hand_clock
        )
        population.kernel.outbox.subscribe(CLIENT, "events", ["civil.*"])
        by_name: dict[str, Any] = {"population": population}
        askers = {"population": Asker(opened.enter_context(serving(population_app(population))))}
        for name, (kind, app) in OTHERS.items():
            people = 400 if name == "residence" else 0
            (tmp_path / name).mkdir()
            by_name[name] = kind.open(
                tmp_path / name, system=f"/SILD/GOV/7000000/{name}", people=people, clock=hand_clock
            )
            askers[name] = Asker(opened.enter_context(serving(app(by_name[name]))))
        for register in by_name.values():
            opened.callback(register.close)
        yield Registers(hand_clock, by_name, askers, set())


def families() -> Iterator[tuple[SyntheticPerson, SyntheticPerson, SyntheticPerson]]:
    """A minor, mother and father, alive and at one home; no two of one family."""
    used: set[str] = set()
    for child in synthetic_people(400):
        parents = [one for one in (child.mother, child.father) if one is not None and one.died is None]
        fits = child.country == "EE" and child.died is None and (AS_OF - child.born).days < 14 * 365
        at_home = child.home is not None and all(one.home is child.home for one in parents)
        if fits and at_home and len(parents) == 2 and not used & {one.code for one in parents}:
            used |= {child.code, *(one.code for one in parents)}
            yield child, parents[0], parents[1]


def reads(child: str, birth_place: str, home: str) -> list[tuple[str, str, str]]:
    """Register, path, and the words that say where the child is, or was born."""
    return [
        ("population", f"/persons/{child}", birth_place),
        ("population", f"/persons/{child}/facts?history=true", birth_place),
        ("residence", f"/persons/{child}/residence", home),
        ("residence", f"/persons/{child}/facts?history=true", home),
        ("residence", f"/households/{child}", home),
        *((name, f"/persons/{child}/facts?history=true", f"MARK-{name}") for name in KEPT_FACTS),
        ("education", f"/persons/{child}/facts", SCHOOL_NAME),
        ("care", f"/persons/{child}/practice", "MARK-care"),
    ]


def test_every_register_tells_of_a_child_by_one_table(registers: Registers) -> None:
    population = registers.askers["population"]
    third = next(
        p.code for p in synthetic_people(400) if p.country == "EE" and p.spouse is None and p.died is None
        and 30 * 365 < (AS_OF - p.born).days < 60 * 365
    )  # fmt: skip
    rows = []
    for number, (family, (child, mother, father)) in enumerate(zip(FAMILIES, families(), strict=False)):
        for name, (fact, value) in KEPT_FACTS.items():
            usage = Usage(CLIENT, f"seed-{number}-{name}", user_id="automatic", basis="RRS 5")
            with registers.by_name[name].kernel.used("seed", usage) as use:
                said = Provenance("SILD/GOV/70000003/seed", "RRS 5", f"seed-{number}")
                use.facts.record(child.code, fact, value, valid_from=date(2026, 1, 1), provenance=said)
                if name == "education":
                    use.facts.record(child.code, SCHOOL, SERVES, valid_from=date(2026, 1, 1), provenance=said)
        people = {"mother": mother.code, "child": child.code, "father": father.code, "third": third}
        days = (date(2025, 1, 1), date(2025, 2, 1)) if family.over else (FIRST, LAST + timedelta(days=1))
        order = {
            "protected": mother.code, "against": people[family.feared], "order": f"2-26-{number}",
            "children": [child.code] if family.named else [],
            "valid_from": days[0].isoformat(), "valid_to": days[1].isoformat(),
        }  # fmt: skip
        population.done("/protection-orders", order)
        if family.mutual:
            both = {"protected": father.code, "against": mother.code, "order": f"2-26-{number}b"}
            assert child.code in population.done("/protection-orders", {**order, **both})["uncovered"]
        registers.deliver([mother.code, child.code, father.code])
        if family.ended:
            end = {name: order[name] for name in ("protected", "against", "order")}
            population.done("/protection-orders/end", end)
            registers.deliver([mother.code, child.code])
        home = registers.askers["residence"].value(f"/persons/{child.code}/residence")["address"]["street"]
        place = population.value(f"/persons/{child.code}")["birth_place"]
        rows.append((family, people, reads(child.code, place, home)))
    assert len(rows) == len(FAMILIES)
    wrong: list[tuple[object, ...]] = []
    for day, today in DAYS.items():
        registers.clock.forward(days=(today - registers.by_name["population"].kernel.today).days)
        for family, people, paths in rows:
            for reader in READERS:
                user = f"EE{people.get(reader, '38001085718')}"
                for name, path, words in paths:
                    answer = registers.askers[name].get(path, user=user)
                    assert answer.status in (200, 404), answer.text
                    told = is_told(family, reader, day)
                    if words == SCHOOL_NAME:  # which serves the streets where the child lives: told to nobody
                        told = all(is_told(family, one, day) for one in READERS)
                    if (words in answer.text) != told:
                        wrong.append((day, family, reader, name, path))
            wrong += [
                (day, family, "represents", role)
                for role in ("mother", "father")
                if speaks(population, people[role], people["child"]) != is_told(family, role, day)
            ]
    assert wrong == []


def speaks(population: Asker, parent: str, child: str) -> bool:
    """Whether a parent speaks for the child by law, as the population register says."""
    items = population.value(f"/persons/{parent}/children")["items"]
    return next(bool(one["custody"]) for one in items if one["code"] == child)


_messages = count(1)
MOTHER, CHILD, FATHER, FRIEND = "48901010015", "62603010039", "38702030027", "38001085718"


@pytest.mark.parametrize(
    ("user", "party", "against", "kept"),
    [
        ("automatic", None, [FATHER], True),
        (FATHER, None, [FATHER], True),
        (FATHER, CHILD, [FATHER], True),
        (FRIEND, FATHER, [FATHER], True),
        (FRIEND, CHILD, [FATHER], True),  # a power of attorney may be of anybody
        (FRIEND, None, [FATHER], False),  # an official at their own work
        (CHILD, None, [FATHER], False),
        (MOTHER, CHILD, [FATHER], False),
        (MOTHER, None, [FATHER], False),
        (MOTHER, None, [None], True),  # nobody said whom
        (CHILD, None, [None], False),
        (FRIEND, None, [None], False),
        *((user, None, [], False) for user in (FATHER, MOTHER, CHILD, FRIEND, "automatic")),
    ],
)
def test_the_one_rule(user: str, party: str | None, against: list[str | None], kept: bool) -> None:
    whole = user if user == "automatic" else f"EE{user}"
    usage = Usage(
        CLIENT, f"m-{next(_messages)}", user_id=whole, represented_party=party and f"EE{party}", basis="RRS 5"
    )
    assert is_kept_from(usage, CHILD, against, (MOTHER, FATHER)) is kept
