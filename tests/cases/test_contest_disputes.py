"""A contest of a fact: it goes to the register that keeps it, the case waits for what the register says; what nobody can dispute there an official looks at."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files

import pytest

from sild.cases import Refused
from sild.errors import CallerError, PeerError, Unavailable
from sild.rules import load_packages
from support.acting import Vouching

from .test_contest import HEARER, RECORD, Contests
from .world import MARI

JANUARY = "persons/mother/income/2025-01"
DISPUTED = {"line": ["fact"], "fact": [JANUARY], "statement": ["I earned more in January."]}
PAID = {"amount": "1200", "currency": "EUR", "country": "EE"}
SPELL = {
    "fact": 7, "concept": "person.contributions", "value": PAID, "valid_from": "2024-11-01", "valid_to": "2025-03-01",
}  # fmt: skip
EARLIER = {**SPELL, "fact": 6, "valid_from": "2023-01-01", "valid_to": "2024-11-01"}
SUPERSEDED = {**SPELL, "fact": 5, "known_to": "2025-02-01T00:00:00Z"}


def income(who: str, month: str, amount: str) -> dict[str, str]:
    return {
        "name": f"persons/{who}/income/{month}", "type": "money", "value": amount, "register": "SILD:GOV:70000004:social:social",
    }  # fmt: skip


@pytest.fixture(scope="module")
def package() -> str:
    found = load_packages(files("sild") / "packs")
    return next(sha256 for sha256, one in found.items() if one.name == "ee-family-benefits")


class Disputes(Contests):
    def decided_by(self, package: str, *, fathers: str = "900.00") -> None:
        incomes = [
            income(who, f"2025-0{month}", amount)
            for who, amount in (("mother", "1200.00"), ("father", fathers))
            for month in (1, 2, 3)
        ]
        self.read["record"] = {
            **RECORD,
            "rules": {"sha256": package},
            "inputs": [*RECORD["inputs"], *incomes],
        }
        answers = self.registers.answers
        answers["social", "GET", f"/persons/{MARI.person[2:]}/facts"] = {
            "items": [SPELL, EARLIER, SUPERSEDED]
        }
        answers["social", "POST", "/facts/7/dispute"] = {"id": "d-1", "state": "OPEN"}
        self.answered("OPEN")

    def answered(self, state: str) -> None:
        self.registers.answers["social", "GET", "/disputes/d-1"] = {"id": "d-1", "state": state}

    async def disputed(self, status="FACT", **more) -> str:
        case = await self.contested({**DISPUTED, **more})
        await self.until(case, status, HEARER)
        return case

    async def next_day(self) -> None:
        self.later(days=1, minutes=1)
        self.cases._parts.jobs.wake()

    async def shown(self, case, language="en") -> list:
        return list((await self.cases.fill(case, "contest.look", replace(HEARER, language=language))).facts)


class Vouched(Disputes):
    async def start(self) -> None:
        self.voucher = Vouching(self.clock)
        await super().start()


@pytest.fixture
async def vouched(tmp_path, package) -> AsyncIterator[Disputes]:
    """The identity provider vouches for who says what, and for whom."""
    async with Vouched(tmp_path) as world:
        world.decided_by(package)
        yield world


@pytest.fixture
async def contests(tmp_path, package) -> AsyncIterator[Disputes]:
    async with Disputes(tmp_path) as world:
        world.decided_by(package)
        yield world


@pytest.mark.parametrize(
    ("state", "words"), [("CORRECTED", "The fact was corrected"), ("REFUSED", "The register says the fact stands")]
)  # fmt: skip
async def test_the_register_answers_before_the_official_looks(contests, state, words) -> None:
    case = await contests.disputed()
    [made] = [call for call in contests.registers.made("social", "POST") if call.path.endswith("/dispute")]
    assert made.path == "/facts/7/dispute", "the spell among whose days January is, as it stands now"
    assert (made.body, made.acting) == ({"reason": "I earned more in January."}, MARI.person)
    assert [notice.text for notice in await contests.cases.inbox(MARI)] == ["contest.told_fact"]

    await contests.next_day()
    await contests.until_asked(case, 1)
    contests.answered(state)
    await contests.next_day()
    await contests.until(case, "READY", HEARER)
    assert words in [line.value for line in await contests.shown(case)]
    view = await contests.cases.view(case, MARI)
    names = [entry.name for entry in view.timeline]
    assert [one for one in names if one in ("DISPUTE", "ASK_AGAIN", "SETTLE")] == [
        "DISPUTE",
        "ASK_AGAIN",
        "SETTLE",
    ]


async def test_a_register_that_never_answers_does_not_hold_the_person_up_for_ever(
    contests, monkeypatch
) -> None:
    monkeypatch.setattr("sild.cases.contest.TRIES", 2)
    case = await contests.disputed()
    for asked in (1, 2):
        await contests.next_day()
        await contests.until_asked(case, asked)
    await contests.next_day()
    await contests.until(case, "READY", HEARER)
    assert "The register has not answered" in [line.value for line in await contests.shown(case)]


async def test_a_register_that_knows_the_dispute_no_more(contests) -> None:
    case = await contests.disputed()
    del contests.registers.answers["social", "GET", "/disputes/d-1"]
    await contests.next_day()
    await contests.until(case, "READY", HEARER)


async def test_the_desk_sees_months_as_one_line_and_which_of_them_is_disputed(contests) -> None:
    case = await contests.disputed()
    contests.answered("REFUSED")
    await contests.next_day()
    await contests.until(case, "READY", HEARER)
    for language, label, total, month in (
        ("en", "Income on which social tax was paid (mother), January 2025 – March 2025", "€3,600.00", "January 2025"),
        ("et", "Sotsiaalmaksuga maksustatud tulu (ema), jaanuar 2025 – märts 2025", "3\xa0600,00\xa0€", "jaanuar 2025"),
        ("vi", "Thu nhập đóng bảo hiểm xã hội (mẹ), tháng 1 năm 2025 – tháng 3 năm 2025", "3.600,00\xa0€", "tháng 1 năm 2025"),
    ):  # fmt: skip
        lines = {line.label: line for line in await contests.shown(case, language)}
        line = lines[label]
        assert (line.value, line.concept, line.is_marked) == (total, "contest.disputed", True)
        assert len(line.parts) == 3 and [month in part.label for part in line.parts if part.is_marked] == [
            True
        ]
        assert len(lines) < 8, "the father's year is one line, too"
    filled = await contests.cases.fill(case, "contest.look", HEARER)
    again = await contests.act(case, "LOOK", HEARER, {"view": ["paid by month"]})
    seen = await contests.cases.seen(case, again.seq, HEARER)
    assert [line.parts for line in seen.facts] == [line.parts for line in filled.facts], "and as it was seen"


async def test_both_parents_earned_the_same(contests, package) -> None:
    """Which of them asks the decision does not say: nobody's fact is disputed by mistake."""
    contests.decided_by(package, fathers="1200.00")
    await contests.disputed("READY")
    assert not [call for call in contests.registers.made("social", "POST") if call.path.endswith("/dispute")]


@pytest.mark.parametrize("fact", ["persons/father/income/2025-01", "persons/child/born/ETERNITY"])
async def test_a_fact_that_is_not_theirs(contests, fact) -> None:
    await contests.disputed("READY", fact=[fact])
    assert not [call for call in contests.registers.made("social", "POST") if call.path.endswith("/dispute")]


@pytest.mark.parametrize("fault", [CallerError("no", code="superseded_fact", status=409), Unavailable("down", code="down"),
                                   PeerError("what?", code="invalid_body")])  # fmt: skip
async def test_the_register_does_not_take_the_dispute(contests, monkeypatch, fault) -> None:
    """Nor for a while answer: the case goes on with the official, and does not stand still."""
    monkeypatch.setattr("sild.cases.contest.A_WHILE", timedelta(milliseconds=10))

    def failing(_call):
        raise fault

    contests.registers.answers["social", "POST", "/facts/7/dispute"] = failing
    await contests.disputed("READY")


async def test_which_fact_has_to_be_said(contests) -> None:
    case = await contests.cases.contest(MARI, "GOV/70000004/social", contests.read["record"])
    filled = await contests.cases.fill(case, "contest.statement", replace(MARI, language="en"))
    offered = dict(filled.options["facts"])
    assert offered[JANUARY] == "Income on which social tax was paid (mother), January 2025: €1,200.00"
    with pytest.raises(Refused) as refused:
        await contests.act(case, "CONTEST", MARI, {"line": ["fact"], "statement": ["no"]})
    assert [(one.field, one.reason) for one in refused.value.defects] == [("fact", "missing")]


CHILD, SISTER = "52601010010", "52001010011"
BORN = {"fact": 31, "concept": "person.date_of_birth", "value": "2026-03-01", "valid_from": "2026-03-01"}


@pytest.mark.parametrize("twins", [False, True])
async def test_a_childs_date_of_birth_is_disputed_where_it_is_kept(contests, twins) -> None:
    """The package says `born`, the register `date_of_birth`: one vocabulary. Whose it is of twins nobody can tell: an official looks."""
    answers = contests.registers.answers
    sisters = {**BORN, "fact": 32, **({} if twins else {"value": "2020-01-01"})}
    answers["population", "GET", f"/persons/{MARI.person[2:]}/children"] = {
        "items": [{"code": CHILD, "born": "2026-03-01"}, {"code": SISTER, "born": sisters["value"]}]
    }
    for code, born in ((CHILD, BORN), (SISTER, sisters)):
        answers["population", "GET", f"/persons/{code}/facts"] = {"items": [born]}
    answers["population", "POST", "/facts/31/dispute"] = {"id": "d-9", "state": "OPEN"}
    answers["population", "GET", "/disputes/d-9"] = {"id": "d-9", "state": "OPEN"}
    said = {
        "line": ["fact"],
        "fact": ["persons/child/born/ETERNITY"],
        "statement": ["It was the second of March."],
    }
    case = await contests.contested(said)
    await contests.until(case, "READY" if twins else "FACT", HEARER)
    made = [call for call in contests.registers.made("population", "POST") if call.path.endswith("/dispute")]
    assert [call.path for call in made] == ([] if twins else ["/facts/31/dispute"])


HOME = {
    "fact": 44, "concept": "person.residence", "value": {"level": "commune", "division": "0793"}, "valid_from": "2026-01-01",
}  # fmt: skip
FORMER = {**HOME, "fact": 43, "valid_from": "2020-01-01", "valid_to": "2026-01-01"}
RESIDENT = "persons/child/resident/ETERNITY"


def waits(child: str, born: str) -> list[dict[str, object]]:
    """Inputs of a child's place in the queue, and of one who stands before it."""
    population, residence = "SILD:GOV:70000002:population", "/SILD/GOV/70000006/residence"
    fetched = {"fetched_at": "2026-03-02T09:00:00Z"}
    return [
        {"name": "persons/child/born/ETERNITY", "type": "date", "value": born, "register": population},
        {"name": "persons/child/code/ETERNITY", "type": "text", "value": child, "register": population},
        {"name": RESIDENT, "type": "bool", "value": False, "register": residence, **fetched},
        {"name": "persons/c0/resident/ETERNITY", "type": "bool", "value": True, "register": residence, **fetched},
        {"name": "persons/c0/code/ETERNITY", "type": "text", "value": "0", "register": population},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fact", "whose"), [(RESIDENT, CHILD), ("persons/c0/resident/ETERNITY", None)], ids=["own", "another's"]
)
async def test_a_childs_home_is_disputed_by_a_parent_in_their_own_name(vouched, fact, whose) -> None:
    """Two children: the decision tells whose it is. The register is shown by which right the parent speaks; of who stands before nobody's is."""
    queue = next(
        sha256
        for sha256, one in load_packages(files("sild") / "packs").items()
        if one.name == "ee-kindergarten-queue"
    )
    contests = vouched
    contests.read["record"] = {**RECORD, "rules": {"sha256": queue}, "inputs": waits(CHILD, "2026-03-01")}
    answers = contests.registers.answers
    answers["population", "GET", f"/persons/{MARI.person[2:]}/children"] = {
        "items": [{"code": SISTER, "born": "2020-01-01"}, {"code": CHILD, "born": "2026-03-01"}]
    }
    for code in (CHILD, SISTER):
        answers["residence", "GET", f"/persons/{code}/facts"] = {"items": [HOME, FORMER]}
    answers["residence", "POST", "/facts/44/dispute"] = {"id": "d-4", "state": "OPEN"}
    answers["residence", "GET", "/disputes/d-4"] = {"id": "d-4", "state": "OPEN"}
    case = await contests.contested({"line": ["fact"], "fact": [fact], "statement": ["We live in Tallinn."]})
    await contests.until(case, "READY" if whose is None else "FACT", HEARER)
    made = contests.registers.made("residence", "POST")
    assert [call.path for call in made] == ([] if whose is None else ["/facts/44/dispute"])
    asked = {
        call.path.split("/")[2]
        for call in contests.registers.made("residence", "GET")
        if "facts" in call.path
    }
    assert asked <= {CHILD} or whose is None, "of no other child anything is asked"
    if whose is None:
        return
    [said] = made
    claims = json.loads(base64.urlsafe_b64decode(str(said.proof).split(".")[1] + "=="))
    assert (said.acting, said.represented) == (MARI.person, None), "in their own name"
    assert (
        claims["speaks_for"]["sub"] == f"EE{CHILD}"
        and claims["authorization_details"][0]["identifier"] == case
    )
    [told] = [call for call in contests.registers.made("social", "POST") if call.path.endswith("/contests")]
    assert told.acting == MARI.person
