"""What a contest overturned is decided anew, by rule or by hand: the newer decision stands, and its money is paid, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sild.decisions import DecisionRecord, figures_of, list_ripples
from sild.registries import insurance_app, social_app
from sild.registries.deciding import Look, replay_mismatched
from sild.registries.insurance.register import InsuranceRegister
from sild.registries.social.granting import Granting
from sild.registries.social.offers import Offer
from sild.registries.social.payments import Payments
from sild.registries.tasks import TaskState
from support.acting import DESK, LogIn, proved, serving
from support.asgi import Answer, Site

from .conftest import CHILD, FATHER, MOTHER, OVERTURNED, USAGE, Others, SetClock, event
from .paying import Paying, answered, contest, news, opened_paying
from .test_social import by, declare, offered

ACCOUNT = "EE382200221020145685"
OFFICIAL, OTHER_OFFICIAL = "37001010002", "38001010007"
LINE = "mother/parental_benefit/ETERNITY"
WORDS = {"et": "Sest nii on õiglane.", "vi": "Vì như vậy là công bằng.", "en": "Because that is fair."}
HAND = {
    "by": "hand",
    "country": "EE",
    "contested_by": MOTHER,
    "values": {LINE: "2100.00"},
    "considerations": "She worked abroad for the state.",
    "reasons": WORDS,
    "view_sha256": "b" * 64,
    "posture": "managed",
    "seconds": 60,
}
RULE = {"by": "rule", "country": "EE", "contested_by": MOTHER}


@pytest.fixture
def database_url() -> None:
    """SQLite: what differs between databases is tried with the payments themselves."""


@pytest.fixture
def paying(
    tmp_path: Path, database_url: str | None, clock: SetClock, others: Others, request: pytest.FixtureRequest
) -> Iterator[Paying]:
    with opened_paying(tmp_path, database_url, clock, others, request) as paying:
        yield paying


def anew(
    paying: Paying,
    decision: str,
    body: dict[str, Any],
    *,
    user: str = OFFICIAL,
    number: str = "c1",
    message: str = "anew",
    login: LogIn = DESK,
    site: Site | None = None,
) -> Any:
    said = {
        "X-Road-Client": "SILD/GOV/70000001/portal",
        "X-Road-Id": message,
        "X-Road-UserId": f"EE{user}",
        "X-Road-Issue": number,
        "Sild-Legal-Basis": "HMS 71",
    }
    with nullcontext(site) if site is not None else serving(social_app(paying.social)) as site:
        return site.post(
            f"/decisions/{decision}/contests/{number}/anew",
            body,
            **{name.replace("-", "_"): value for name, value in proved(said, login).items()},
        )


def code_of(answer: Answer) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


def record(paying: Paying, decision: str) -> DecisionRecord:
    with paying.social.kernel.engine.connect() as connection:
        return paying.social.deciding.store.find(connection, decision).record


def newest(paying: Paying, decision: str) -> str:
    with paying.social.kernel.engine.connect() as connection:
        while (newer := paying.social.deciding.store.superseded_by(connection, decision)) is not None:
            decision = newer
    return decision


def benefit(paying: Paying) -> dict[str, Any]:
    held = {one.value["benefit"]: one.value for one in paying.social.benefits(MOTHER, USAGE)}
    return dict(held["parental_benefit"])


async def overturned(paying: Paying, *, paid: bool) -> tuple[Offer, str]:
    """The grant was, before it was paid or after."""
    offer = await paying.granted()
    await paying.work()
    if paid:
        paying.settle_with_bank()
    grant = str(paying.orders(offer)[0].decision)
    contest(paying, grant)
    answered(paying, grant, overturned=True)
    await paying.work()
    return offer, grant


async def rounds(paying: Paying) -> int:
    """Every transfer that goes out within an hour."""
    sent = 0
    for _ in range(4):
        await paying.work()
        sent += paying.settle_with_bank()
        paying.clock.forward(minutes=20)
    return sent


async def test_by_hand_the_new_sum_is_granted_and_paid(paying: Paying) -> None:
    offer, grant = await overturned(paying, paid=False)
    answer = anew(paying, grant, HAND)
    assert answer.status == 200, answer.text
    new = record(paying, answer.json()["decision"])
    assert (str(new.supersedes), new.kind, new.effect, new.discretion) == (
        grant,
        "human",
        "correct",
        "structured",
    )
    assert new.case == record(paying, grant).case and new.remedy is not None and new.considerations
    assert set(new.reasons[0].text) == {"et", "vi", "en"} and new.human[0].action == "override"
    assert benefit(paying)["amount"] == "2100.00" and benefit(paying)["decision"] == str(new.id)
    assert await rounds(paying) == 3
    assert paying.bank.paid == {ACCOUNT: Decimal("2500.00")}, "80 and 320 as they were, 2100 instead of 2000"
    live = {one.decision for one in paying.orders(offer) if one.state == "executed"}
    assert live == {str(new.id)}
    assert paying.social.deciding.replay(str(new.id)).result == "impossible", "no rule gave it"
    assert "decision.corrected" in news(paying)
    with paying.social.kernel.engine.connect() as connection:
        counted = figures_of(connection, "family-benefits")
    assert (counted.overturned, counted.overridden, counted.replays_mismatched) == (1, 1, 0)


async def test_of_what_was_paid_the_difference_is_paid(paying: Paying) -> None:
    offer, grant = await overturned(paying, paid=True)
    assert paying.bank.paid == {ACCOUNT: Decimal("2400.00")}
    new = anew(paying, grant, HAND).json()["decision"]
    assert await rounds(paying) == 1
    assert paying.bank.paid == {ACCOUNT: Decimal("2500.00")}
    differing = [one for one in paying.orders(offer) if one.decision == new]
    assert [(one.amount, one.state) for one in differing] == [(Decimal("100.00"), "executed")]
    paying.clock.forward(days=31)
    await paying.work()
    assert paying.settle_with_bank() == 2
    assert paying.bank.paid == {ACCOUNT: Decimal("4680.00")}, "and 2180 in the months that follow"


async def test_what_was_paid_too_much_is_for_people(paying: Paying) -> None:
    _, grant = await overturned(paying, paid=True)
    anew(paying, grant, {**HAND, "values": {LINE: "1500.00"}})
    assert await rounds(paying) == 0
    (held,) = paying.social.tasks.in_state(TaskState.HELD)
    assert (held.kind, held.reason, held.about["amount"]) == ("overpaid", "overpaid", "500.00")
    assert paying.bank.paid == {ACCOUNT: Decimal("2400.00")}


async def test_by_rule_from_the_facts_as_they_are_now(paying: Paying) -> None:
    _, grant = await overturned(paying, paid=True)
    declare(paying.social, MOTHER, "2300")
    assert anew(paying, grant, RULE).json()["decision"] is None, "the rules ask other registers first"
    sent = await rounds(paying)
    new = record(paying, newest(paying, grant))
    assert (new.kind, new.effect, str(new.supersedes)) == ("rule", "correct", grant)
    assert new.reasons[0].code == "contest_overturned" or "contest_overturned" in {
        one.code for one in new.reasons
    }
    assert paying.social.deciding.replay(str(new.id)).result == "match"
    assert (sent, paying.bank.paid) == (1, {ACCOUNT: Decimal("2700.00")})
    assert benefit(paying)["amount"] == "2300.00"
    refused = anew(paying, grant, HAND, message="later")
    assert (refused.status, code_of(refused)) == (409, "superseded_already")


async def test_by_rule_the_same_again_is_a_new_decision_too(paying: Paying) -> None:
    """What was overturned does not stand: without a newer decision there were no right to the money."""
    offer, grant = await overturned(paying, paid=False)
    anew(paying, grant, RULE)
    assert await rounds(paying) == 3
    assert newest(paying, grant) != grant
    assert paying.bank.paid == {ACCOUNT: Decimal("2400.00")}
    assert {one.decision for one in paying.orders(offer) if one.state == "executed"} == {
        newest(paying, grant)
    }


async def test_an_offer_takes_with_it_what_was_granted_from_it(paying: Paying) -> None:
    offer = await paying.granted()
    await paying.work()
    grant = str(paying.orders(offer)[0].decision)
    contest(paying, str(offer.decision))
    answered(paying, str(offer.decision), overturned=True)
    new = anew(paying, str(offer.decision), HAND).json()["decision"]
    found = paying.social.offer(offer.id, USAGE)
    assert found.decision == new and newest(paying, grant) != grant
    assert await rounds(paying) == 3
    assert paying.bank.paid == {ACCOUNT: Decimal("2500.00")}
    declare(paying.social, MOTHER, "2600")
    await paying.work()
    held = {(one.kind, one.reason) for one in paying.social.tasks.in_state(TaskState.HELD)}
    assert paying.social.offer(offer.id, USAGE).decision == new, "no rule writes over an official's word"
    assert held <= {("offer", "discretion")}


async def test_the_bank_was_told_before_it_was_overturned(paying: Paying) -> None:
    """What could not be stopped is paid by the old decision, and only the difference by the new one."""
    offer = await paying.granted()
    await paying.work()
    file = paying.treasury.instruct("EUR")
    assert file is not None
    grant = str(paying.orders(offer)[0].decision)
    contest(paying, grant)
    answered(paying, grant, overturned=True)
    anew(paying, grant, HAND)
    await paying.work()
    paying.treasury.take_report(paying.bank.take(file.xml))
    paying.deliver()
    await rounds(paying)
    assert paying.bank.paid == {ACCOUNT: Decimal("2500.00")}


@pytest.mark.parametrize("when", ["_enter", "schedule"])
async def test_killed_on_the_way_it_is_paid_once(
    paying: Paying, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed here")

    _, grant = await overturned(paying, paid=True)
    declare(paying.social, MOTHER, "2300")
    anew(paying, grant, RULE)
    with monkeypatch.context() as patched:
        patched.setattr(Granting if when == "_enter" else Payments, when, killed)
        await paying.work()
    assert newest(paying, grant) == grant and benefit(paying)["amount"] == "2000.00"
    paying.clock.forward(minutes=5)
    paying.lost = 1
    await rounds(paying)
    assert paying.bank.paid == {ACCOUNT: Decimal("2700.00")}
    assert newest(paying, grant) != grant


async def test_who_may_and_what(paying: Paying) -> None:
    _, grant = await overturned(paying, paid=False)
    numbers = count()
    with serving(social_app(paying.social)) as site:

        def refused(body: dict[str, Any], code: str, **given: Any) -> None:
            answer = anew(paying, grant, body, message=f"no-{next(numbers)}", site=site, **given)
            assert answer.status >= 400 and (not code or code_of(answer) == code), answer.text

        refused(HAND, "officials_only", login=LogIn(posture="unmanaged"))
        refused(HAND, "not_your_contest", user=MOTHER)
        refused(HAND, "not_your_contest", user=FATHER)
        refused(HAND, "unknown_contest", number="c2")
        refused({**HAND, "values": {"mother/salary/ETERNITY": "1.00"}}, "not_an_outcome")
        refused({**HAND, "values": {"choice": "father"}}, "not_an_outcome")
        for wrong in ("-1.00", "1.001", "much", 5, "NaN"):
            refused({**HAND, "values": {LINE: wrong}}, "not_its_kind")
        for lacking in ("considerations", "reasons", "values"):
            refused({name: one for name, one in HAND.items() if name != lacking}, "")
        first = anew(paying, grant, HAND, site=site)
        assert anew(paying, grant, HAND, site=site).json() == first.json(), "the same message again"


async def test_before_it_is_overturned_nothing_is_decided_anew(paying: Paying) -> None:
    offer = await paying.granted()
    await paying.work()
    grant = str(paying.orders(offer)[0].decision)
    contest(paying, grant)
    answer = anew(paying, grant, HAND)
    assert (answer.status, code_of(answer)) == (409, "not_overturned")
    answered(paying, grant, overturned=False)
    assert code_of(anew(paying, grant, HAND, message="2")) == "not_overturned"


async def test_a_correction_that_came_while_it_was_contested_is_taken_up(paying: Paying) -> None:
    offer = await offered(paying.social, paying.others)
    contest(paying, str(offer.decision))
    declare(paying.social, MOTHER, "2400")
    await paying.work()
    assert states(paying) == [("listed", "contest")]
    answered(paying, str(offer.decision), overturned=False)
    await paying.work()
    assert {state for state, _ in states(paying)} == {"redecided", "ended"}
    assert paying.social.offer(offer.id, USAGE).decision != offer.decision


async def test_a_correction_waits_for_the_new_decision_of_what_was_overturned(paying: Paying) -> None:
    offer = await offered(paying.social, paying.others)
    contest(paying, str(offer.decision))
    declare(paying.social, MOTHER, "2400")
    await paying.work()
    answered(paying, str(offer.decision), overturned=True)
    await paying.work()
    assert states(paying) == [("listed", "contest")]
    anew(paying, str(offer.decision), RULE)
    await paying.work()
    assert {state for state, _ in states(paying)} == {"ended", "redecided", "unchanged"}
    assert newest(paying, str(offer.decision)) == paying.social.offer(offer.id, USAGE).decision


def states(paying: Paying) -> list[tuple[str, str | None]]:
    with paying.social.kernel.engine.connect() as connection:
        return [(one.state, one.reason) for one in list_ripples(connection)]


async def test_cover_that_was_overturned_is_decided_anew_by_rule(
    directory: Path, others: Others, clock: SetClock
) -> None:
    """The common path: each register says what it decides again."""
    register = InsuranceRegister.open(directory, people=0, clock=clock)
    register.apply_event(event("civil.birth.registered", CHILD, parents=[MOTHER, FATHER]), "m-1")
    worker = register.worker(others)
    while await worker.work():
        pass
    first = str(register.cover(CHILD, USAGE).value["decision"])  # type: ignore[union-attr]
    with serving(insurance_app(register)) as site:
        told = {"X_Road_Client": "SILD/GOV/70000001/portal", "Sild_Legal_Basis": "HMS 71"}
        by = {**told, "X_Road_UserId": f"EE{OFFICIAL}", "X_Road_Issue": "c1"}
        path = f"/decisions/{first}/contests"
        said = {**told, "X_Road_Issue": "c1", "X_Road_UserId": f"EE{MOTHER}"}
        site.post(path, {"contest": "c1", "line": "rule"}, **said, X_Road_Id="1")
        site.post(f"{path}/c1/end", OVERTURNED, **by, X_Road_Id="2")
        by_hand = {**HAND, "values": {"child/cover_until/ETERNITY": "2020-01-01"}}
        refused = site.post(f"{path}/c1/anew", by_hand, **by, X_Road_Id="3")
        assert (refused.status, code_of(refused)) == (400, "not_its_kind"), "it would end before it begins"
        assert site.post(f"{path}/c1/anew", RULE, **by, X_Road_Id="4").json()["decision"] is None
    while await worker.work():
        pass
    cover = register.cover(CHILD, USAGE)
    assert cover is not None and cover.value["decision"] != first
    with register.kernel.engine.connect() as connection:
        assert register.deciding.store.superseded_by(connection, first) == cover.value["decision"]
    register.close()


async def test_a_replay_that_differs_is_a_matter_for_an_official(paying: Paying) -> None:
    offer = await offered(paying.social, paying.others)
    for _ in range(2):
        replay_mismatched(paying.social.deciding, 7, str(offer.decision))
    assert states(paying) == [("listed", "mismatch")]
    assert newest(paying, str(offer.decision)) == offer.decision, "nothing is decided by it"


async def test_after_a_death_it_comes_back_to_the_official(paying: Paying) -> None:
    _, grant = await overturned(paying, paid=False)
    paying.social.apply_event(event("civil.death.registered", CHILD), "m-death")
    anew(paying, grant, RULE)
    await paying.work()
    with serving(social_app(paying.social)) as site:
        found = site.request(
            "GET",
            f"/decisions/{grant}",
            headers={
                "X-Road-Client": "SILD/GOV/70000001/portal",
                "X-Road-Id": "look",
                "X-Road-Issue": "case-7",
                "X-Road-UserId": "automatic",
                "Sild-Legal-Basis": "x",
            },
        ).json()
    assert (found["left"], found["superseded_by"]) == ("silence", None)


async def refused_and_overturned(paying: Paying) -> tuple[Offer, str]:
    paying.others.abroad.add(FATHER)
    offer = await offered(paying.social, paying.others)
    held = paying.social.refuse(offer.id, by(OTHER_OFFICIAL, "refuse"), Look(words="No.", posture="managed"))
    assert (held.state, held.reason) == ("withdrawn", "refused")
    decision = str(held.decision)
    contest(paying, decision)
    answered(paying, decision, overturned=True)
    return held, decision


@pytest.mark.parametrize("said", [HAND, RULE])
async def test_a_refusal_that_is_overturned_is_an_offer_again(paying: Paying, said: dict[str, Any]) -> None:
    offer, refusal = await refused_and_overturned(paying)
    answer = anew(paying, refusal, said)
    assert answer.status == 200, answer.text
    await paying.work()
    now = paying.social.offer(offer.id, USAGE)
    assert (now.state, now.reason, str(now.decision)) == ("open", None, newest(paying, refusal))
    assert str(now.decision) != refusal and news(paying)[-1] == "social.offer.made"
    accepted = paying.social.accept(offer.id, "mother", ACCOUNT, by(MOTHER, "accept"))
    assert accepted.state == "accepted"
    assert benefit(paying)["amount"] == ("2100.00" if said is HAND else "2000.00")


async def test_nothing_is_offered_again_for_a_child_that_has_died(paying: Paying) -> None:
    offer, refusal = await refused_and_overturned(paying)
    paying.social.apply_event(event("civil.death.registered", CHILD), "died")
    answer = anew(paying, refusal, HAND)
    assert (answer.status, code_of(answer)) == (409, "not_by_hand")
    anew(paying, refusal, RULE, message="rule")
    await paying.work()
    assert paying.social.offer(offer.id, USAGE).state == "withdrawn" and newest(paying, refusal) == refusal
