"""A finding that the body upholds: decided again by rule or listed for people, each decision once; the auditor starts nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sild.decisions import DecisionRecord, Ripple, keep_finding, list_ripples
from sild.registries import insurance_app, social_app
from sild.registries.deciding import finding_ripple
from sild.registries.insurance.register import InsuranceRegister
from sild.registries.social.register import SocialRegister
from support.acting import serving
from support.audited import decide, decide_with_model

from ..asking import OFFICIAL, Asker, refused
from .conftest import CHILD, FATHER, MOTHER, VN_CHILD, VN_FATHER, VN_MOTHER, Others, SetClock, day, event

FINDING, NUMBER = "finding-case", "S-2026-000007"
AUDITOR = "36901010001"


class World:
    """A register and who asks it; `FINDING` is about `decision`."""

    def __init__(self, register: Any, asker: Asker, others: Others, clock: SetClock) -> None:
        self.register, self.asker, self.others, self.clock = register, asker, others, clock
        self.store = register.deciding.store

    def found(self, decision: object, about: str = "decision", name: str | None = None) -> None:
        with self.register.kernel.engine.begin() as connection:
            by = self.store.pseudonym(AUDITOR)
            keep_finding(self.store, connection, FINDING, str(decision), about=about, name=name, by=by)  # type: ignore[arg-type]

    def upholds(self, answer: int = 1, after: str | None = None, **said: Any) -> Any:
        body = {"answer": answer, "number": NUMBER, "country": "EE", "after": after}
        return self.asker.post(
            f"/findings/{FINDING}/upheld",
            body,
            **{"X_Road_Issue": FINDING, **said},
        )

    async def settle(self) -> None:
        worker = self.register.worker(self.others)
        for _ in range(4):
            await worker.work()
            self.clock.forward(seconds=2)

    @property
    def ripples(self) -> list[Ripple]:
        with self.register.kernel.engine.connect() as connection:
            return list_ripples(connection)

    @property
    def records(self) -> list[DecisionRecord]:
        with self.register.kernel.engine.connect() as connection:
            return [one.record for one in reversed(self.store.listed(connection))]

    def became(self) -> tuple[int, int, int]:
        told = self.asker.value(f"/findings/{FINDING}")
        assert told["number"] == NUMBER
        return told["redecided"], told["waiting"], told["unchanged"]


@pytest.fixture
async def covered(directory: Path, database_url: str | None, clock: SetClock, others: Others) -> Any:
    """Insurance: one child in Viet Nam is covered; the register was told a wrong birth date, and nobody corrected it."""
    register = InsuranceRegister.open(directory, database_url, people=0, clock=clock)
    register.apply_event(event("civil.birth.registered", VN_CHILD, parents=[VN_MOTHER, VN_FATHER]), "m-1")
    with serving(insurance_app(register)) as site:
        world = World(register, Asker(site), others, clock)
        await world.settle()
        (first,) = world.records
        world.found(first.id)
        yield world
    register.close()


@pytest.fixture
def social(directory: Path, clock: SetClock, others: Others) -> Iterator[World]:
    register = SocialRegister.open(directory, people=0, clock=clock)
    with serving(social_app(register)) as site:
        yield World(register, Asker(site), others, clock)
    register.close()


async def test_a_rule_decides_it_again_from_the_facts_as_they_are_now(covered: World) -> None:
    covered.others.people[VN_CHILD]["born"] = "2026-02-20"
    assert covered.upholds().json() == {"entered": 1, "next": None}
    assert covered.became() == (0, 1, 0), "it waits for the rule"
    await covered.settle()
    first, second = covered.records
    assert (second.effect, second.kind, second.supersedes, second.case) == (
        "correct",
        "rule",
        first.id,
        first.case,
    )
    assert second.reasons[-1].code == "finding_upheld"
    held = covered.register.cover(VN_CHILD, covered_usage())
    assert held is not None and held.valid_from == day("2026-02-20")
    assert covered.became() == (1, 0, 0)
    assert covered.register.deciding.replay(str(second.id)).result == "match"
    assert covered.upholds().json()["entered"] == 0, "the same answer enters nothing again"
    await covered.settle()
    assert len(covered.records) == 2 and len(covered.ripples) == 1


def covered_usage() -> Any:
    from .conftest import USAGE

    return USAGE


async def test_what_was_right_stays_and_a_second_answer_looks_once_more(covered: World) -> None:
    assert covered.upholds().status == 200
    await covered.settle()
    assert covered.became() == (0, 0, 1) and len(covered.records) == 1
    covered.others.people[VN_CHILD]["born"] = "2026-02-20"
    assert covered.upholds(answer=2).json()["entered"] == 1
    await covered.settle()
    assert covered.became() == (1, 0, 0), "as the later answer left it"
    assert len(covered.records) == 2


async def test_killed_between_its_pages_it_happens_once(
    covered: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message comes again; of what the first had entered nothing is there twice."""
    covered.others.people[VN_CHILD]["born"] = "2026-02-20"

    def killed(*_: Any) -> bool:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(covered.register.deciding, "decides_again", killed)
        assert covered.upholds(id="page-0").status == 500
    assert covered.ripples == [], "nothing of it is left"
    assert covered.upholds(id="page-0").json() == {"entered": 1, "next": None}
    assert covered.upholds(id="page-0").json() == {"entered": 1, "next": None}, "the same message"

    def killed_later(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(covered.register.deciding, "record", killed_later)
        await covered.settle()
    assert covered.became() == (0, 1, 0) and len(covered.records) == 1
    covered.clock.forward(minutes=5)
    await covered.settle()
    assert covered.became() == (1, 0, 0) and len(covered.records) == 2


async def test_while_a_register_is_down_it_waits(covered: World) -> None:
    covered.others.down.add("population")
    covered.others.people[VN_CHILD]["born"] = "2026-02-20"
    covered.upholds()
    await covered.settle()
    assert covered.became() == (0, 1, 0)
    covered.others.down.clear()
    covered.clock.forward(minutes=5)
    await covered.settle()
    assert covered.became() == (1, 0, 0)


async def test_after_a_death_and_while_contested_people_see_to_it(covered: World) -> None:
    (first,) = covered.records
    with covered.register.kernel.engine.begin() as connection:
        covered.store.contested(connection, "contest-1", first.id, line="fact")
    covered.others.people[VN_CHILD]["born"] = "2026-02-20"
    covered.upholds()
    await covered.settle()
    (line,) = covered.asker.value("/ripples")["items"]
    assert (line["reason"], line["finding"], line["fact"], line["due"]) == (
        "contest",
        NUMBER,
        None,
        "2026-03-16",
    )
    assert covered.asker.done(f"/ripples/{line['id']}/end", {"outcome": "stands"}, 200)["state"] == "ended"
    assert covered.became() == (0, 0, 1), "an official saw to it: it stays"


async def test_who_may_not_start_it(covered: World) -> None:
    """The auditor, one it is about, nobody, another case; a finding nobody wrote; and none of it leaves anything."""
    for how in (
        {"user": f"EE{AUDITOR}"},
        {"user": f"VN{VN_MOTHER}"},
        {"X_Road_Issue": "case-7"},
    ):
        refused(covered.upholds(**how), 403, "not_your_finding")
    refused(covered.upholds(X_Road_Issue=""), 400, "missing_case")
    refused(covered.upholds(user="automatic"), 403, "officials_only")
    path = "/findings/another/upheld"
    body = {"answer": 1, "number": NUMBER, "country": "EE"}
    refused(covered.asker.post(path, body, X_Road_Issue="another"), 404, "unknown_finding")
    refused(covered.asker.get("/findings/another"), 404, "unknown_finding")
    refused(covered.asker.get(f"/findings/{FINDING}"), 404, "unknown_finding")
    assert covered.asker.value("/findings") == {"items": []} and covered.ripples == []


async def test_another_auditor_of_the_body_starts_it_neither(covered: World) -> None:
    """Whoever has a mandate over the body now does not answer for it."""
    from sild.openid import AuditScope
    from sild.registries.deciding import Appointment, Supervision

    scope = AuditScope(("GOV/70000003",), ("*",), ("*",), (), "EU 2024/1689 77", "AUDIT-1")

    class Mandates:
        def of(self, person: str, _case: str) -> list[Appointment]:
            return [Appointment("m", "EE70000009", scope)] if person == OFFICIAL else []

    covered.register.deciding.supervision = Supervision(frozenset(), Mandates())
    refused(covered.upholds(), 403, "not_your_finding")
    assert covered.upholds(user="EE47001010005").status == 200


async def test_an_offer_is_made_anew_and_what_was_paid_is_listed(social: World) -> None:
    """About one fact: every decision that rests on the message that brought it."""
    from .test_acting_http import IBAN
    from .test_ripple import by, declare

    register = social.register
    declare(register, MOTHER, "2000")
    declare(register, FATHER, "1500")
    register.apply_event(event("civil.birth.registered", CHILD), "m-born")
    await social.settle()
    (offer,) = register.offers_of(CHILD, covered_usage())
    register.accept(offer.id, "mother", IBAN, by(MOTHER, "accept"))
    made, granted = social.records
    social.others.people[CHILD]["born"] = "2026-02-10"
    social.found(made.id, "input", "persons/child/born/ETERNITY")
    assert social.upholds().json() == {"entered": 2, "next": None}
    await social.settle()
    states = {one.decision: (one.state, one.reason) for one in social.ripples}
    assert states == {str(made.id): ("redecided", None), str(granted.id): ("listed", "payment")}
    assert social.became() == (1, 1, 0)
    newest = next(one for one in social.records if one.supersedes == made.id)
    assert "finding_upheld" in {one.code for one in newest.reasons} and newest.case == made.case


def test_all_that_the_rules_gave_page_by_page_and_what_people_decided(
    social: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing here made these decisions' effects: a rule makes none of them anew."""
    monkeypatch.setattr(finding_ripple, "PAGE", 2)
    ids = [decide(social.register) for _ in range(3)]
    human = decide_with_model(social.register)
    social.found(ids[1], "package")
    social.clock.forward(seconds=1)
    after, entered = None, []
    while not entered or after:
        page = social.upholds(after=after).json()
        entered.append(page["entered"])
        after = page["next"]
    assert entered == [2, 1]
    later = decide(social.register)
    assert social.upholds().json()["entered"] == 0
    reached = {one.decision: one.reason for one in social.ripples}
    assert reached == dict.fromkeys(ids, "by_people") and later not in reached and human not in reached
    assert all(one.due == date(2026, 3, 16) for one in social.ripples)
    assert social.became() == (0, 3, 0)
    assert [one["number"] for one in social.asker.value("/findings")["items"]] == [NUMBER]


def test_what_a_person_decided_is_listed(social: World) -> None:
    human = decide_with_model(social.register)
    social.found(human)
    assert social.upholds().json()["entered"] == 1
    assert [(one.state, one.reason) for one in social.ripples] == [("listed", "discretion")]
