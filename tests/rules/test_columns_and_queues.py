"""Columns say of each row what is said of it alone; a place in a queue is said only when nothing unknown could change it."""

from __future__ import annotations

import itertools
import random
from datetime import date, timedelta

import numpy as np
import pytest

from sild.rules import DTYPES, Group, RulePackage, evaluate, evaluate_columns
from support.rules import PACKAGES

QUEUE = PACKAGES["ee-kindergarten-queue"]
AT = date(2026, 3, 15)
DAY = "2026-03-15"
OUTPUTS = {
    "ee-health-cover": ["cover_from", "cover_until", "covered", "ground", "is_child"],
    "vn-health-insurance": [
        "cover_until",
        "covered",
        "competent_tier",
        "competent_division",
        "handling_days",
    ],
}


def random_facts(package: RulePackage, chance: random.Random) -> dict[str, dict[str, object]]:
    """Of one person: each fact known three times of four."""
    said: dict[str, dict[str, object]] = {}
    for name, fact in package.facts.items():
        period = {"eternity": "ETERNITY", "month": "2026-03", "day": DAY}[fact.period]
        value: object = chance.random() < 0.5
        if fact.type == "date":
            value = (AT - timedelta(chance.randrange(-30, 12_000))).isoformat()
        elif fact.type == "text":
            value = f"{chance.randrange(100_000):0{chance.choice([3, 5])}d}"
        if chance.random() < 0.75:
            said[name] = {period: value}
    return said


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_row_is_what_it_is_alone(name: str) -> None:
    package, chance = PACKAGES[name], random.Random(5)
    people = [random_facts(package, chance) for _ in range(150)]
    columns: dict[tuple[str, str], np.ma.MaskedArray] = {}
    for row, facts in enumerate(people):
        for fact, by_period in facts.items():
            for period, value in by_period.items():
                kind = "U5" if package.facts[fact].type == "text" else DTYPES[package.facts[fact].type]
                columns.setdefault((fact, period), np.ma.masked_all(len(people), kind))[row] = value
    asked = [
        (output, "ETERNITY" if package.outputs[output].period == "eternity" else DAY)
        for output in OUTPUTS[name]
    ]

    found = evaluate_columns(package, columns, asked, at=AT, counts={"person": len(people)})

    for row, facts in enumerate(people):
        alone = evaluate(package, {"persons": {"a": facts}}, [("a", *each) for each in asked], at=AT)
        in_columns = [found[each].tolist()[row] for each in asked]
        assert [v.isoformat() if isinstance(v, date) else v for v in in_columns] == [
            v.value for v in alone.values
        ]


Child = tuple[bool | None, bool | None, int, date, str]


def places(queue: list[Child]) -> list[int]:
    """As it is published, by hand."""
    order = sorted(range(len(queue)), key=lambda n: (not queue[n][0], not queue[n][1], *queue[n][2:]))
    return [order.index(n) + 1 for n in range(len(queue))]


def test_places_with_something_unknown() -> None:
    chance = random.Random(3)
    queues = [
        [
            (
                chance.choice([True, False, True, False, None]),
                chance.choice([True, False, False, False, None]),
                chance.randrange(3),
                date(2024, 1, 1 + chance.randrange(3)),
                str(number),
            )
            for number in range(chance.randrange(1, 6))
        ]
        for _ in range(300)
    ]
    children = [(row, child) for row, queue in enumerate(queues) for child in queue]

    def truth(index: int) -> np.ma.MaskedArray:
        values = [child[index] for _, child in children]
        return np.ma.array([bool(v) for v in values], mask=[v is None for v in values])

    columns = {
        ("resident", "ETERNITY"): truth(0),
        ("sibling", "ETERNITY"): truth(1),
        ("joined_at", "ETERNITY"): np.array([child[2] for _, child in children], np.int64),
        ("born", "ETERNITY"): np.array([child[3] for _, child in children], "datetime64[D]"),
        ("code", "ETERNITY"): np.array([child[4] for _, child in children]),
    }
    group = Group(np.array([row for row, _ in children]), np.array(["child"] * len(children)))

    found = evaluate_columns(
        QUEUE,
        columns,
        [("place", "ETERNITY")],
        at=AT,
        counts={"person": len(children), "queue": len(queues)},
        groups={"queue": group},
    )["place", "ETERNITY"].tolist()

    said_of_unknown = 0
    for queue in queues:
        said, found = found[: len(queue)], found[len(queue) :]
        unknown = [(n, index) for n, child in enumerate(queue) for index in (0, 1) if child[index] is None]
        possible = []
        for values in itertools.product([True, False], repeat=len(unknown)):
            settled = [list(child) for child in queue]
            for (number, index), value in zip(unknown, values, strict=True):
                settled[number][index] = value
            possible.append(places([tuple(child) for child in settled]))
        for number, place in enumerate(said):
            everywhere = {each[number] for each in possible}
            assert place in (None, *everywhere)
            assert place is None or everywhere == {place}  # what is said is true whatever the unknown is
            if len(unknown) <= 1:
                assert (place is None) == (len(everywhere) > 1)  # and is said when it can be
            said_of_unknown += place is not None and bool(unknown)
    assert said_of_unknown > 50
