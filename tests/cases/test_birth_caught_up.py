"""News of a birth comes in any order: whatever was recorded before it was known whom to tell is told then, once."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest

from sild.cases import load_packs
from sild.cases.birth import Birth
from sild.cases.case import Case, Taken

AT = datetime(2026, 3, 2, tzinfo=UTC)
PARENTS = ("38001085718", "48902280230")
CHILD = "62603020006"
RECORD = {
    "child": CHILD,
    "mother": PARENTS[1],
    "father": PARENTS[0],
    "born": "2026-03-01",
    "claimed_father": None,
    "paternity": "NONE",
    "choose_by": "2026-04-01",
    "protected": [],
    "foreign": False,
    "is_late": True,
}
OFFER = {"offer": "o-1", "version": 1, "state": "open", "decision": None}
NEWS = {
    "RECORD": RECORD,
    "REGISTER": {"given_names": "Kaie", "family_name": "Tamm"},
    "CARD": {"number": "1", "office": None},
    "OFFER": OFFER,
    "QUEUE": {"state": "offered", "kindergarten": "Päike", "reason": "free_place"},
}


@pytest.fixture(scope="module")
def birth():
    return Birth(load_packs("EE"))


def told(birth, order):
    """Texts told to each parent when the actions come in that order."""
    case = Case("c", "1", "birth", AT, (), (), "OPENED")
    texts = {person: [] for person in PARENTS}
    for seq, name in enumerate(order, 1):
        taken = Taken(seq, name, AT, "automatic", "state", "", NEWS[name])
        status = birth.status(case.status, taken, case)
        effects = birth.after(case.with_action(taken, status), taken)
        case = Case("c", "1", "birth", AT, (*case.parties, *effects.parties), (*case.actions, taken), status)
        for notice in effects.notices:
            texts[notice.person].append(notice.text.removeprefix("birth.notice."))
    return texts


@pytest.mark.parametrize("order", [order for order in permutations(NEWS) if order.index("REGISTER") < 3])
def test_each_parent_is_told_of_each_thing_once(birth, order):
    expected = {"card", "offer_ready", "place_offered", "registered"}
    for texts in told(birth, order).values():
        news = [text for text in texts if text != "child_recorded"]
        assert sorted(news) == sorted(expected)


def test_the_same_offer_again_is_no_news(birth):
    order = ("RECORD", "OFFER", "REGISTER", "OFFER", "OFFER")
    assert told(birth, order)[PARENTS[0]].count("offer_ready") == 1
