"""An offer nobody applied for; what is unknown is not zero; the first of two parents; money once; silence."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sild.decisions import Stored, bundle_of, replay
from sild.errors import CallerError
from sild.registries.kernel import Usage
from sild.registries.social.ledger import Declared
from sild.registries.social.offers import Offer
from sild.registries.social.register import SocialRegister
from sild.registries.tasks import TaskState

from .conftest import (
    CHILD,
    FATHER,
    MOTHER,
    SISTER,
    USAGE,
    VN_CHILD,
    VN_FATHER,
    VN_MOTHER,
    Others,
    SetClock,
    at,
    event,
)

IBAN = "EE38 2200 2210 2014 5685"
OFFICIAL = replace(USAGE, user_id="EE37001010002", message_id="official-1")


def month(year: int, number: int) -> int:
    return 12 * year + number - 1


def by(person: str, message: str) -> Usage:
    return replace(USAGE, user_id=f"EE{person}", message_id=message)


def declare(register: SocialRegister, person: str, amount: str, *, country: str = "EE") -> None:
    currency = "EUR" if country != "VN" else "VND"
    declared = Declared("10001234", month(2024, 1), month(2026, 2), Decimal(amount), currency, country)
    register.declare(person, declared, replace(USAGE, message_id=f"declare-{person}-{amount}"))


@pytest.fixture
def register(directory: Path, database_url: str | None, clock: SetClock) -> Iterator[SocialRegister]:
    register = SocialRegister.open(directory, database_url, people=0, clock=clock)
    register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["social.*"])
    declare(register, MOTHER, "2000")
    declare(register, FATHER, "1500.50")
    declare(register, VN_MOTHER, "20000000", country="VN")
    yield register
    register.close()


def sent(register: SocialRegister, subject: str = CHILD) -> list[tuple[str, str]]:
    return [(d.event.type, d.state.value) for d in register.kernel.outbox.deliveries_about(subject)]


async def settle(register: SocialRegister, others: Others) -> None:
    worker = register.worker(others)
    while await worker.work():
        pass


async def offered(register: SocialRegister, others: Others, child: str = CHILD) -> Offer:
    register.apply_event(event("civil.birth.registered", child), f"m-{child}")
    await settle(register, others)
    (offer,) = register.offers_of(child, USAGE)
    return offer


def amounts(offer: Offer, choice: str) -> dict[tuple[str, str], Any]:
    found = next(c for c in offer.choices if c["id"] == choice)
    return {(i["benefit"], i["person"]): i["amount"] or i["unknown"] for i in found["items"]}


def code_of(refused: pytest.ExceptionInfo[CallerError]) -> str:
    return refused.value.code


# --- the offer


async def test_two_parents_are_offered_three_ways(register: SocialRegister, others: Others) -> None:
    offer = await offered(register, others)
    assert (offer.state, offer.parties, offer.issue) == ("open", (FATHER, MOTHER), "case-7")
    assert amounts(offer, "mother") == {
        ("child_allowance", MOTHER): "80.00",
        ("birth_grant", MOTHER): "320.00",
        ("parental_benefit", MOTHER): "2000.00",
    }
    assert amounts(offer, "father")[("parental_benefit", FATHER)] == "1500.50"
    assert amounts(offer, "shared")[("parental_benefit", MOTHER)] == "2000.00"
    (event_sent,) = register.kernel.outbox.deliveries_about(CHILD)
    assert (event_sent.event.type, dict(event_sent.event.data)) == ("social.offer.made", {"offer": offer.id})
    assert event_sent.event.extensions["caseid"] == "case-7"


async def test_one_parent_chooses_when(register: SocialRegister, others: Others) -> None:
    others.people[CHILD]["father"] = None
    offer = await offered(register, others)
    assert [choice["id"] for choice in offer.choices] == ["mother", "mother_later"]


async def test_the_third_child_brings_more(register: SocialRegister, others: Others) -> None:
    others.person("61901010019", "2019-01-01", mother=MOTHER)
    others.divisions["61901010019"] = "0784"
    assert amounts(await offered(register, others), "mother")[("child_allowance", MOTHER)] == "100.00"


async def test_siblings_who_live_elsewhere_do_not_count(register: SocialRegister, others: Others) -> None:
    others.person("61901010019", "2019-01-01", mother=MOTHER)
    others.divisions["61901010019"] = "0511"
    assert amounts(await offered(register, others), "mother")[("child_allowance", MOTHER)] == "80.00"


async def test_vietnamese_rules(register: SocialRegister, others: Others) -> None:
    offer = await offered(register, others, VN_CHILD)
    assert [choice["id"] for choice in offer.choices] == ["mother", "mother_returns_early", "both"]
    both = amounts(offer, "both")
    assert both[("birth_grant", VN_MOTHER)] == "4680000"
    assert both[("maternity_benefit", VN_MOTHER)] == "20000000"
    assert both[("paternity_leave", VN_FATHER)] == {
        "fact": "person.contributions",
        "person": VN_FATHER,
        "holder": "tax",
    }


# --- unknown is not zero


async def test_unknown_income_blocks_only_what_it_feeds(
    register: SocialRegister, others: Others, clock: SetClock
) -> None:
    with register.kernel.used("correct", replace(USAGE, message_id="correct")) as use:
        use.facts.retract(
            FATHER, "contribution", valid_from=date(2024, 8, 1), valid_to=date(2024, 9, 1), key="10001234"
        )
    offer = await offered(register, others)
    missing = {"fact": "person.contributions", "person": FATHER, "holder": "tax"}
    assert amounts(offer, "father")[("parental_benefit", FATHER)] == missing, "one month is enough"
    assert amounts(offer, "mother")[("parental_benefit", MOTHER)] == "2000.00"
    register.accept(offer.id, "father", IBAN, by(MOTHER, "agree"))
    register.accept(offer.id, "father", IBAN, by(FATHER, "accept"))
    assert {f.value["benefit"] for f in register.benefits(FATHER, USAGE, on=date(2026, 3, 1))} == {
        "child_allowance",
        "birth_grant",
    }
    declare(register, FATHER, "1600")
    await settle(register, others)
    late = register.benefits(FATHER, USAGE, on=date(2026, 5, 11))
    assert {f.value["benefit"]: f.value["amount"] for f in late}["parental_benefit"] == "1600.00"


async def test_no_declaration_is_unknown_and_a_declared_zero_is_zero(
    register: SocialRegister, others: Others
) -> None:
    with register.kernel.used("correct", replace(USAGE, message_id="correct")) as use:
        use.facts.retract(MOTHER, "contribution", valid_from=date(2000, 1, 1), key="10001234")
    assert {m.amount for m in register.contributions(MOTHER, USAGE)} == {None}
    assert {m.holder for m in register.contributions(MOTHER, USAGE)} == {"tax"}
    declare(register, MOTHER, "0")
    assert {m.amount for m in register.contributions(MOTHER, USAGE)} == {Decimal(0)}
    offer = await offered(register, others)
    assert amounts(offer, "mother")[("parental_benefit", MOTHER)] == "886.00", "the floor, by law"


async def test_no_household_no_allowance_yet_and_it_is_asked_again(
    register: SocialRegister, others: Others, clock: SetClock
) -> None:
    others.down = {"residence"}
    offer = await offered(register, others)
    unknown = {"fact": "person.household", "person": MOTHER, "holder": "residence"}
    assert amounts(offer, "mother")[("child_allowance", MOTHER)] == unknown
    assert amounts(offer, "mother")[("parental_benefit", MOTHER)] == "2000.00"
    others.down.clear()
    clock.forward(minutes=16)
    await settle(register, others)
    (renewed,) = register.offers_of(CHILD, USAGE)
    assert amounts(renewed, "mother")[("child_allowance", MOTHER)] == "80.00"
    assert (renewed.id, renewed.version) == (offer.id, 2)
    with pytest.raises(CallerError) as refused:
        register.accept(offer.id, "mother", IBAN, by(MOTHER, "accept"), version=1)
    assert code_of(refused) == "offer_changed"


async def test_without_the_population_register_there_is_no_offer_until_it_answers(
    register: SocialRegister, others: Others, clock: SetClock
) -> None:
    others.down = {"population"}
    register.apply_event(event("civil.birth.registered", CHILD), "m")
    await settle(register, others)
    assert register.offers_of(CHILD, USAGE) == []
    others.down.clear()
    clock.forward(seconds=2)
    await settle(register, others)
    assert register.offers_of(CHILD, USAGE)[0].state == "open"


# --- held for people


@pytest.mark.parametrize("foreign", ["foreign_parent", "lives_abroad", "foreign_income"])
async def test_a_foreign_element_is_for_people(
    register: SocialRegister, others: Others, foreign: str
) -> None:
    if foreign == "foreign_parent":
        others.people[CHILD]["father"] = VN_FATHER
    elif foreign == "lives_abroad":
        others.abroad.add(FATHER)
    else:
        declare(register, FATHER, "3000", country="FI")
    offer = await offered(register, others)
    assert (offer.state, offer.reason) == ("held", foreign)
    assert sent(register) == [("social.offer.held", "pending")]
    with pytest.raises(CallerError) as refused:
        register.accept(offer.id, "mother", IBAN, by(MOTHER, "accept"))
    assert code_of(refused) == "offer_held"
    for nobody in (replace(OFFICIAL, user_id="automatic", message_id="r1"), by(MOTHER, "r2")):
        with pytest.raises(CallerError) as refused:
            register.release(offer.id, nobody)
        assert code_of(refused) == "needs_a_person"
    assert register.release(offer.id, OFFICIAL).state == "open"
    assert register.release(offer.id, OFFICIAL).state == "open", "the same message again"
    with pytest.raises(CallerError) as refused:
        register.release(offer.id, replace(OFFICIAL, message_id="official-2"))
    assert code_of(refused) == "not_held"
    assert sent(register)[-1] == ("social.offer.made", "pending")


async def test_a_foundling_is_for_people(register: SocialRegister, others: Others) -> None:
    others.people[CHILD]["mother"] = None
    register.apply_event(event("civil.birth.registered", CHILD), "m")
    await settle(register, others)
    assert [task.reason for task in register.tasks.in_state(TaskState.HELD)] == ["no_mother"]


# --- acceptance


@pytest.mark.parametrize("whose", ["user_id", "represented_party"])
async def test_a_code_of_another_country_with_the_same_digits_is_no_parents(
    register: SocialRegister, others: Others, whose: str
) -> None:
    offer = await offered(register, others)
    stranger = replace(by(SISTER, "a-1"), **{whose: f"LT{MOTHER}"})
    with pytest.raises(CallerError) as refused:
        register.accept(offer.id, "mother", IBAN, stranger)
    assert refused.value.code == "not_a_party"
    with_class = "PERSON/" if whose == "represented_party" else ""
    parent = replace(by(SISTER, "a-2"), **{whose: f"{with_class}EE{MOTHER}"})
    assert register.accept(offer.id, "mother", IBAN, parent).state == "accepted"


async def test_refusals(register: SocialRegister, others: Others) -> None:
    offer = await offered(register, others)
    cases = [
        ("nothing", "mother", IBAN, MOTHER, "unknown_offer"),
        (offer.id, "mother", IBAN, SISTER, "not_a_party"),
        (offer.id, "grandmother", IBAN, MOTHER, "unknown_choice"),
        (offer.id, "mother", "EE38 2200 2210 2014 5686", MOTHER, "invalid_account"),
        (offer.id, "mother", "", MOTHER, "invalid_account"),
    ]
    for number, (offer_id, choice, account, person, code) in enumerate(cases):
        with pytest.raises(CallerError) as refused:
            register.accept(offer_id, choice, account, by(person, f"a{number}"))
        assert code_of(refused) == code
    outcomes = [entry.outcome for entry in register.kernel.usage_of(CHILD).entries]
    assert "invalid_account" in outcomes, "a refusal leaves its record"


async def test_an_invalid_acceptance_does_not_win(register: SocialRegister, others: Others) -> None:
    offer = await offered(register, others)
    with pytest.raises(CallerError):
        register.accept(offer.id, "mother", "EE00", by(MOTHER, "first"))
    assert register.offer(offer.id, USAGE).words == (), "nor is it a word"
    accepted = register.accept(offer.id, "mother", IBAN, by(MOTHER, "second"))
    assert accepted.acceptance is not None and accepted.acceptance.person == MOTHER


async def test_of_two_parents_at_once_one_wins_and_the_other_is_told(
    register: SocialRegister, others: Others
) -> None:
    """The mother's own choice asks nobody; the father's waits for her word, or comes too late."""
    offer = await offered(register, others)
    results: dict[str, str] = {}

    def accept(person: str, choice: str) -> None:
        try:
            results[choice] = register.accept(offer.id, choice, IBAN, by(person, f"accept-{person}")).state
        except CallerError as refusal:
            results[choice] = f"{refusal.code}: {refusal.message}"

    both = [threading.Thread(target=accept, args=pair) for pair in ((MOTHER, "mother"), (FATHER, "shared"))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert results["mother"] == "accepted"
    assert results["shared"] in ("open", "already_accepted: accepted before: mother")
    acceptance = register.offer(offer.id, USAGE).acceptance
    assert acceptance is not None and (acceptance.person, acceptance.choice) == (MOTHER, "mother")
    assert [kind for kind, _ in sent(register)].count("social.benefit.granted") == 1


async def test_the_same_message_twice_accepts_once(register: SocialRegister, others: Others) -> None:
    offer = await offered(register, others)
    answers = [register.accept(offer.id, "mother", IBAN, by(MOTHER, "accept")) for _ in range(2)]
    assert answers[0] == answers[1]
    await settle(register, others)
    assert len(register.payment_orders(USAGE, offer=offer.id)) == 3


async def test_money_month_by_month_and_every_order_once(
    register: SocialRegister, others: Others, clock: SetClock
) -> None:
    offer = await offered(register, others)
    register.accept(offer.id, "mother", IBAN, by(MOTHER, "accept"))
    await settle(register, others)
    orders = register.payment_orders(USAGE, offer=offer.id)
    assert {(o.benefit, o.amount, o.currency, o.account) for o in orders} == {
        ("child_allowance", Decimal("80"), "EUR", "EE382200221020145685"),
        ("birth_grant", Decimal("320"), "EUR", "EE382200221020145685"),
        ("parental_benefit", Decimal("2000.00"), "EUR", "EE382200221020145685"),
    }
    assert {o.due for o in orders} == {date(2026, 3, 5)}
    clock.forward(days=61)
    await settle(register, others)
    monthly = [
        o.period for o in register.payment_orders(USAGE, offer=offer.id) if o.benefit == "child_allowance"
    ]
    assert monthly == [date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)]
    (one,) = register.payment_orders(USAGE, order=orders[0].id)
    assert one == orders[0]
    with pytest.raises(CallerError) as refused:
        register.payment_orders(USAGE, order=99_999)
    assert code_of(refused) == "unknown_order"


async def test_a_vietnamese_account(register: SocialRegister, others: Others) -> None:
    offer = await offered(register, others, VN_CHILD)
    accepted = register.accept(
        offer.id, "mother", "970436 0011001234567", replace(USAGE, user_id=f"VN{VN_MOTHER}")
    )
    assert accepted.accounts == {VN_MOTHER: "970436-0011001234567"}


# --- silence


@pytest.mark.parametrize("reason", ["civil.death.registered", "civil.stillbirth.recorded"])
@pytest.mark.parametrize("when", ["before", "between", "after", "accepted"])
async def test_after_a_death_nothing_is_offered_or_paid(
    register: SocialRegister, others: Others, clock: SetClock, reason: str, when: str
) -> None:
    birth, death = event("civil.birth.registered", CHILD), event(reason, CHILD)
    if when == "before":
        register.apply_event(death, "m1")
    register.apply_event(birth, "m2")
    if when in ("after", "accepted"):
        await settle(register, others)
    if when == "accepted":
        (offer,) = register.offers_of(CHILD, USAGE)
        register.accept(offer.id, "mother", IBAN, by(MOTHER, "accept"))
        await settle(register, others)
    if when != "before":
        register.apply_event(death, "m1")
    clock.forward(days=100)
    await settle(register, others)
    assert all(state != "pending" for kind, state in sent(register))
    for offer in register.offers_of(CHILD, USAGE):
        assert offer.state == "withdrawn"
        orders = register.payment_orders(USAGE, offer=offer.id)
        assert all(order.state == "cancelled" for order in orders)
        with pytest.raises(CallerError) as refused:
            register.accept(offer.id, "mother", IBAN, by(MOTHER, "late"))
        assert code_of(refused) == ("already_accepted" if when == "accepted" else "offer_withdrawn")
    assert register.benefits(MOTHER, USAGE) == ()


@pytest.mark.parametrize("protected", [CHILD, MOTHER])
@pytest.mark.parametrize("when", ["before", "between", "after"])
async def test_under_a_protection_order_people_see_to_it(
    register: SocialRegister, others: Others, protected: str, when: str
) -> None:
    order = event("civil.protection.ordered", protected, against=FATHER, valid_from="2026-03-01")
    if when == "before":
        register.apply_event(order, "m1")
    register.apply_event(event("civil.birth.registered", CHILD), "m2")
    if when == "after":
        await settle(register, others)
    if when != "before":
        register.apply_event(order, "m1")
    await settle(register, others)
    (offer,) = register.offers_of(CHILD, USAGE)
    assert offer.state == "held" and offer.reason in ("protection_order", "parent_protection_order")


async def test_a_mothers_earlier_stillbirth_silences_no_other_child(
    register: SocialRegister, others: Others
) -> None:
    register.apply_event(event("civil.stillbirth.recorded", MOTHER), "m1")
    assert (await offered(register, others)).state == "open"


async def test_payments_to_a_dead_parent_are_held(
    register: SocialRegister, others: Others, clock: SetClock
) -> None:
    offer = await offered(register, others)
    register.accept(offer.id, "mother", IBAN, by(MOTHER, "accept"))
    await settle(register, others)
    register.apply_event(event("civil.death.registered", MOTHER), "m1")
    clock.forward(days=61)
    await settle(register, others)
    assert len(register.payment_orders(USAGE, offer=offer.id)) == 3, "those of before"
    assert {(t.kind, t.reason) for t in register.tasks.in_state(TaskState.HELD)} == {("pay", "death")}


@pytest.mark.parametrize("state", ["open", "held", "none"])
async def test_what_was_offered_for_a_child_dead_by_mistake_is_for_an_official(
    register: SocialRegister, others: Others, clock: SetClock, state: str
) -> None:
    """Who lets it go on; what was not offered yet is offered by itself."""
    if state == "held":
        others.abroad.add(FATHER)
    if state == "none":
        register.apply_event(event("civil.birth.registered", CHILD), "m-birth")
    else:
        assert (await offered(register, others)).state == state
    register.apply_event(event("civil.death.registered", CHILD), "m1")
    await settle(register, others)
    register.apply_event(at(clock.forward(days=1), event("civil.death.annulled", CHILD)), "m2")
    await settle(register, others)
    (offer,) = register.offers_of(CHILD, USAGE)
    if state == "none":
        assert offer.state == "open"
        return
    assert (offer.state, offer.reason) == ("held", "death_annulled")
    register.release(offer.id, OFFICIAL)
    accepted = register.accept(offer.id, "mother", IBAN, by(MOTHER, "accept"))
    assert accepted.state == "accepted"


@pytest.mark.parametrize("protected", [False, True])
async def test_what_was_held_for_a_parents_mistaken_death_is_open_again(
    register: SocialRegister, others: Others, clock: SetClock, protected: bool
) -> None:
    offer = await offered(register, others)
    register.apply_event(event("civil.death.registered", FATHER), "m1")
    assert register.offer(offer.id, USAGE).reason == "parent_death"
    if protected:
        order = event("civil.protection.ordered", MOTHER, against=FATHER, valid_from="2026-03-01")
        register.apply_event(order, "m2")
    register.apply_event(at(clock.forward(days=1), event("civil.death.annulled", FATHER)), "m3")
    after = register.offer(offer.id, USAGE)
    assert (after.state, after.reason) == (
        ("held", "parent_protection_order") if protected else ("open", None)
    )
    assert after.decision != offer.decision


def test_synthetic_contributions(directory: Path, clock: SetClock) -> None:
    register = SocialRegister.open(directory, people=400, clock=clock)
    with register.kernel.used("count", USAGE) as use:
        workers = [f.entity for f in use.facts.named("contribution", on=date(2026, 2, 1)) if f.key]
    assert len(workers) > 50
    assert len(register.contributions(workers[0], USAGE, months=12)) == 12
    assert all(m.amount is not None for m in register.contributions(workers[0], USAGE))
    register.close()


# --- records of decisions


def records(register: SocialRegister) -> list[Stored]:
    with register.kernel.engine.connect() as connection:
        return register.deciding.store.of_case(connection, "case-7")


async def test_offer_and_grant_leave_records_that_replay(register: SocialRegister, others: Others) -> None:
    offer = await offered(register, others)
    register.accept(offer.id, "mother", IBAN, by(MOTHER, "accept-1"))
    made, granted = records(register)
    assert (made.record.effect, granted.record.effect) == ("offer", "grant")
    assert str(made.record.id) == register.offer(offer.id, USAGE).decision
    items = {item.name for item in granted.record.outcome.items}
    assert items == {
        "choice",
        "family/child_allowance/ETERNITY",
        "family/birth_grant/ETERNITY",
        "mother/parental_benefit/ETERNITY",
    }
    incomes = {
        one.message_id: one.register_ for one in granted.record.inputs if "/mother/income/" in one.name
    }
    assert incomes == {f"declare-{MOTHER}-2000": "/SILD/GOV/70000004/social"}
    assert {reason.code for reason in granted.record.reasons} == {
        "child_allowance",
        "birth_grant",
        "parental_benefit",
    }
    assert not {'"2000"', '"2000.00"'} & set(re.findall(r'"[^"]*"', granted.content.decode()))
    store, engine = register.deciding.store, register.deciding.engine
    for one in (made, granted):
        with register.kernel.engine.connect() as connection:
            bundle = bundle_of(store, connection, one.record.id, open_refs=None)
        report = replay(bundle, engine=engine)
        assert report.result == "match", report.to_json()


async def test_what_is_unknown_makes_a_partial_grant_and_a_later_one(
    register: SocialRegister, others: Others
) -> None:
    others.down.add("residence")
    offer = await offered(register, others)
    register.accept(offer.id, "mother", IBAN, by(MOTHER, "accept-1"))
    first = records(register)[-1].record
    assert first.effect == "partial" and first.remedy is not None
    assert [(one.name, one.asked_of, one.blocking) for one in first.unknowns] == [
        ("family/older_siblings/ETERNITY", "residence", True)
    ]


async def test_a_held_offer_says_why(register: SocialRegister, others: Others) -> None:
    others.abroad.add(FATHER)
    await offered(register, others)
    (held,) = records(register)
    assert held.record.effect == "hold"
    assert held.record.remedy is not None
    assert [reason.code for reason in held.record.reasons if reason.code == "lives_abroad"]


# --- money under an order


@pytest.mark.parametrize(
    ("subject", "days", "data", "expected"),
    [
        (CHILD, ("2026-03-01", "2026-03-08"), {"through": MOTHER, "against": "38001085718"}, 15),
        (CHILD, ("2026-03-01", None), {"through": MOTHER, "against": "38001085718"}, 15),
        (CHILD, ("2026-03-01", None), {"through": FATHER, "against": MOTHER}, 3),  # whose money it is
        (CHILD, ("2026-03-01", "2026-03-08"), {"against": "38001085718"}, 15),  # held, and goes on
        (CHILD, ("2025-01-01", "2025-02-01"), {"against": "38001085718"}, 15),  # over when it is heard
        (MOTHER, ("2026-03-01", "2026-06-08"), {"against": "38001085718"}, 15),
        (CHILD, ("2026-03-01", None), {"against": "38001085718"}, 3),
    ],
)
async def test_an_order_stops_no_money_for_good(
    register: SocialRegister,
    others: Others,
    clock: SetClock,
    subject: str,
    days: tuple[str, str | None],
    data: dict[str, str],
    expected: int,
) -> None:
    offer = await offered(register, others)
    register.accept(offer.id, "mother", IBAN, by(MOTHER, "accept"))
    await settle(register, others)
    order = event("civil.protection.ordered", subject, valid_from=days[0], valid_to=days[1], **data)
    register.apply_event(order, "m-order")
    for _ in range(8):
        clock.forward(days=25)
        await settle(register, others)
    assert len(register.payment_orders(USAGE, offer=offer.id)) == expected
