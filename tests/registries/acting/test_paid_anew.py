"""What is paid when a decision was overturned: once, by what stands, to the account that is told; the rest is for people."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
from sqlalchemy import text

from sild.database import open_database, sqlite_url
from sild.registries.social.orders import orders_in, payment_of
from sild.registries.social.tables import payment_orders
from sild.registries.tasks import TaskState

from .conftest import CHILD, MOTHER, USAGE, Others, SetClock
from .paying import Paying, answered, contest, opened_paying
from .test_decided_anew import ACCOUNT, HAND, LINE, RULE, anew, rounds
from .test_payments import ANOTHER, suspending
from .test_social import by

BEGINS = "family/begins/ETERNITY"


@pytest.fixture
def database_url() -> None:
    """SQLite: what differs between databases is tried with the payments themselves."""


@pytest.fixture
def paying(
    tmp_path: Path, database_url: str | None, clock: SetClock, others: Others, request: pytest.FixtureRequest
) -> Iterator[Paying]:
    with opened_paying(tmp_path, database_url, clock, others, request) as paying:
        yield paying


def too_much(paying: Paying) -> list[tuple[str, str]]:
    held = paying.social.tasks.in_state(TaskState.HELD)
    assert {task.kind for task in held} <= {"overpaid"}
    return [(task.about["benefit"], task.about["amount"]) for task in held]


async def bank_was_told(paying: Paying, body: dict[str, object], *, of_offer: bool = False) -> None:
    """Overturned and decided anew while the bank pays; then its word comes."""
    offer = await paying.granted()
    await paying.work()
    file = paying.treasury.instruct("EUR")
    assert file is not None
    decision = str(offer.decision if of_offer else paying.orders(offer)[0].decision)
    contest(paying, decision)
    answered(paying, decision, overturned=True)
    assert anew(paying, decision, body).status == 200
    await paying.work()
    paying.treasury.take_report(paying.bank.take(file.xml))
    paying.deliver()
    await rounds(paying)


@pytest.mark.parametrize(
    ("begins", "paid"), [("2026-02-25", "4480.00"), ("2026-03-02", "2400.00")], ids=["earlier", "later"]
)
async def test_what_is_paid_once_is_not_paid_for_another_day_too(
    paying: Paying, begins: str, paid: str
) -> None:
    """In whatever month its day is by the newer decision."""
    await bank_was_told(paying, {**HAND, "values": {BEGINS: begins}}, of_offer=True)
    assert paying.bank.paid == {ACCOUNT: Decimal(paid)}, "320 once, and 2080 for each month"
    assert too_much(paying) == []


@pytest.mark.parametrize(("given", "more"), [("0.00", "2000.00"), ("1500.00", "500.00")])
async def test_paid_after_all_and_granted_less_is_for_people(paying: Paying, given: str, more: str) -> None:
    await bank_was_told(paying, {**HAND, "values": {LINE: given}})
    assert paying.bank.paid == {ACCOUNT: Decimal("2400.00")}
    assert too_much(paying) == [("parental_benefit", more)]


async def test_paid_after_all_and_sent_back_is_owed_by_the_newer_decision(paying: Paying) -> None:
    paying.bank.refuses = {ACCOUNT: "AC04"}
    await bank_was_told(paying, HAND)
    offer = paying.social.offers_of(MOTHER, USAGE)[0]
    assert ("returned", "AC04") in paying.states(offer) and too_much(paying) == []
    paying.social.change_account(offer.id, ANOTHER, by(MOTHER, "another"))
    await rounds(paying)
    assert paying.bank.paid == {ANOTHER: Decimal("2500.00")}
    grants = {one.decision for one in paying.orders(offer) if one.state == "executed"}
    assert len(grants) == 1, "the newer alone"


async def came_back_then_overturned(paying: Paying) -> tuple[str, str]:
    """Offer and grant: the account is closed, no other was given yet."""
    offer = await paying.granted()
    paying.bank.refuses = {ACCOUNT: "AC04"}
    await paying.work()
    paying.settle_with_bank()
    grant = str(paying.orders(offer)[0].decision)
    contest(paying, grant)
    answered(paying, grant, overturned=True)
    await paying.work()
    assert paying.states(offer) == {("cancelled", "overturned")}
    return offer.id, grant


async def test_what_came_back_is_not_sent_by_a_decision_that_was_overturned(paying: Paying) -> None:
    offer, _ = await came_back_then_overturned(paying)
    paying.social.change_account(offer, ANOTHER, by(MOTHER, "another"))
    assert (await rounds(paying), paying.bank.paid) == (0, {})


async def test_what_came_back_was_not_paid_too_much(paying: Paying) -> None:
    offer, grant = await came_back_then_overturned(paying)
    anew(paying, grant, {**HAND, "values": {LINE: "1500.00"}})
    await rounds(paying)
    assert too_much(paying) == []
    paying.social.change_account(offer, ANOTHER, by(MOTHER, "another"))
    await rounds(paying)
    assert paying.bank.paid == {ANOTHER: Decimal("1900.00")}


async def test_money_back_after_its_decision_was_overturned(paying: Paying) -> None:
    """Of what had been paid only the difference was ordered: now all of it is owed."""
    offer = await paying.granted()
    await paying.work()
    file = paying.treasury.instruct("EUR")
    assert file is not None
    paying.bank.refuses = {ACCOUNT: "AC04"}
    grant = str(paying.orders(offer)[0].decision)
    contest(paying, grant)
    await paying.work()
    answered(paying, grant, overturned=True)
    await paying.work()
    assert paying.states(offer) == {("ordered", "too_late")}
    paying.treasury.take_report(paying.bank.take(file.xml))
    paying.deliver()
    await paying.work()
    assert paying.states(offer) == {("cancelled", "overturned")}, (
        "and nothing is ordered by what does not stand"
    )
    paying.bank.refuses = {}
    anew(paying, grant, HAND)
    await rounds(paying)
    assert paying.bank.paid == {ACCOUNT: Decimal("2500.00")}


async def test_another_account_while_it_waits_for_the_answer(
    paying: Paying, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspending(monkeypatch)
    offer = await paying.granted()
    await paying.work()
    grant = str(paying.orders(offer)[0].decision)
    contest(paying, grant)
    await paying.work()
    paying.social.change_account(offer.id, ANOTHER, by(MOTHER, "another"))
    answered(paying, grant, overturned=False)
    await rounds(paying)
    assert paying.bank.paid == {ANOTHER: Decimal("2400.00")}


@pytest.mark.parametrize("born", ["2026-02-25", "2026-03-02"])
async def test_a_first_day_that_moves_leaves_one_grant_in_force(paying: Paying, born: str) -> None:
    offer = await paying.granted()
    await paying.work()
    paying.settle_with_bank()
    grant = str(paying.orders(offer)[0].decision)
    contest(paying, grant)
    answered(paying, grant, overturned=True)
    paying.others.people[CHILD]["born"] = born
    anew(paying, grant, RULE)
    await rounds(paying)
    store = paying.social.deciding.store
    with paying.social.kernel.engine.connect() as connection:
        grants = [
            one.record
            for one in store.of_subject(connection, store.pseudonym(CHILD))
            if one.record.step == "grant"
        ]
        standing = [one for one in grants if store.superseded_by(connection, one.id) is None]
    assert [str(one.supersedes) for one in standing] == [grant]
    held = {one.value["benefit"]: one.valid_from for one in paying.social.benefits(MOTHER, USAGE)}
    assert held["parental_benefit"] == date.fromisoformat(born)
    assert too_much(paying) == []


def test_orders_of_an_older_database_are_known_to_be_paid_once(tmp_path: Path) -> None:
    here = Path(str(files("sild.registries.social"))) / "migrations"
    older = tmp_path / "social" / "migrations"
    shutil.copytree(here, older, ignore=shutil.ignore_patterns("r0005*", "r0006*", "r0007*", "__pycache__"))
    url = sqlite_url(tmp_path / "social.db")
    at = "2026-03-01 00:00:00"
    with open_database(url, older).begin() as connection:
        connection.execute(
            text(
                "INSERT INTO social_offers (id, child, country, state, version, choices, made_at, changed_at)"
                f" VALUES ('o', 'c', 'EE', 'open', 1, '[]', '{at}', '{at}')"
            )
        )
        for benefit in ("birth_grant", "child_allowance"):
            connection.execute(
                text(
                    "INSERT INTO social_payment_orders (offer, benefit, person, account, amount, currency, period, due, state,"
                    f" ordered_at) VALUES ('o', '{benefit}', 'p', 'a', '1', 'EUR', '2026-03-01', '2026-03-04', 'executed', '{at}')"
                )
            )
    with open_database(url, here).connect() as connection:
        found = {
            one.benefit: payment_of(one).once for one in orders_in(connection, payment_orders.c.offer == "o")
        }
    assert found == {"birth_grant": True, "child_allowance": False}
