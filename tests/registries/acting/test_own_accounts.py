"""Whose money goes where: to each parent's own account, by a choice that everybody has named whose word it needs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from sqlalchemy import text

from sild.database import open_database, sqlite_url
from sild.decisions import DECISION_MIGRATIONS
from sild.errors import CallerError
from sild.registries import SocialRegister
from sild.registries.exchange import Because, Told
from sild.registries.social.offers import Offer
from sild.registries.social.orders import NO_ACCOUNT, orders_in
from sild.registries.social.tables import payment_orders
from sild.registries.social.words import accounts_of, needed, words_of
from sild.registries.tasks import TASK_MIGRATIONS

from .conftest import CHILD, FATHER, MOTHER, USAGE, VN_CHILD, VN_FATHER, VN_MOTHER, Others, SetClock, event
from .paying import Paying, news, opened_paying
from .test_social import IBAN, by, offered, settle

HIS = "EE471000001020145685"
HERS = "EE382200221020145685"


@pytest.fixture
def paying(
    tmp_path: Path, database_url: str | None, clock: SetClock, others: Others, request: pytest.FixtureRequest
) -> Iterator[Paying]:
    with opened_paying(tmp_path, database_url, clock, others, request) as paying:
        yield paying


def accounts(paying: Paying, offer: Offer) -> set[tuple[str, str | None]]:
    return {(order.person, order.account) for order in paying.orders(offer)}


async def test_a_father_has_nothing_of_the_mothers_paid_to_his_account(paying: Paying) -> None:
    """He names the choice by which all is hers, with his account: it waits for her, and his account is kept nowhere."""
    social = paying.social
    offer = await offered(social, paying.others)
    named = social.accept(offer.id, "mother", HIS, by(FATHER, "his"))
    assert (named.state, named.accounts, [word.person for word in named.words]) == ("open", {}, [FATHER])
    await paying.work()
    assert paying.orders(offer) == [] and "social.benefit.granted" not in news(paying)
    taken = social.accept(offer.id, "mother", IBAN, by(MOTHER, "hers"))
    assert (taken.state, taken.accounts) == ("accepted", {MOTHER: HERS})
    await paying.work()
    assert accounts(paying, offer) == {(MOTHER, HERS)}
    for account in (HIS, IBAN):
        with pytest.raises(CallerError) as refused:
            social.change_account(offer.id, account, by(FATHER, f"change-{account}"))
        assert refused.value.code == "not_a_receiver"
    assert accounts(paying, offer) == {(MOTHER, HERS)}
    assert paying.settle_with_bank() == 3 and set(paying.bank.paid) == {HERS}


@pytest.mark.parametrize("first", [MOTHER, FATHER])
async def test_what_both_receive_needs_both_and_each_is_paid_to_their_own(paying: Paying, first: str) -> None:
    social, own = paying.social, {MOTHER: HERS, FATHER: HIS}
    offer = await offered(social, paying.others)
    second = FATHER if first == MOTHER else MOTHER
    assert social.accept(offer.id, "father", own[first], by(first, "one")).state == "open"
    assert social.accept(offer.id, "father", own[second], by(second, "two")).accounts == own
    await paying.work()
    assert accounts(paying, offer) == {(MOTHER, HERS), (FATHER, HIS)}
    (decision,) = {order.decision for order in paying.orders(offer)}
    with social.kernel.engine.connect() as connection:
        record = social.deciding.store.find(connection, str(decision)).record
    (chosen,) = (fact for fact in record.inputs if fact.name == "choice")
    assert chosen.message_id == "two" and [one.message_id for one in chosen.further_messages or ()] == ["one"]
    # his money comes back; another account of his mends it, and none of hers
    paying.bank.refuses = {HIS: "AC04"}
    paying.settle_with_bank()
    social.change_account(offer.id, "EE021000001102079000", by(MOTHER, "not hers to give"))
    await paying.work()
    assert {o.person for o in paying.orders(offer) if o.state == "returned"} == {FATHER}
    social.change_account(offer.id, "EE021000001102079000", by(FATHER, "another of his"))
    await paying.work()
    assert paying.settle_with_bank() == 2
    assert set(paying.bank.paid) == {HERS, "EE021000001102079000"}


async def test_a_word_is_taken_back_by_another_and_nothing_is_taken_for_one(paying: Paying) -> None:
    social, offer = paying.social, await offered(paying.social, paying.others)
    for number, (who, choice) in enumerate(
        ((FATHER, "father"), (FATHER, "shared"), (MOTHER, "father"), (MOTHER, "father"))
    ):
        held = social.accept(offer.id, choice, HIS if who == FATHER else HERS, by(who, f"w-{number}"))
        assert held.state == "open", (who, choice)
    assert {(word.person, word.choice) for word in held.words} == {(FATHER, "shared"), (MOTHER, "father")}
    paying.clock.forward(days=365)
    await paying.work()
    assert paying.orders(offer) == []
    taken = social.accept(offer.id, "mother", HERS, by(MOTHER, "alone"))
    assert taken.acceptance is not None and taken.acceptance.choice == "mother"
    assert taken.accounts == {MOTHER: HERS}, "his, given with another choice, is kept no longer"
    with pytest.raises(CallerError) as refused:
        social.accept(offer.id, "shared", HIS, by(FATHER, "too late"))
    assert refused.value.code == "already_accepted"


async def test_a_word_is_of_the_offer_as_it_was_seen(paying: Paying) -> None:
    register = paying.social
    offer = await offered(register, paying.others)
    register.accept(offer.id, "shared", HIS, by(FATHER, "old"))
    with register.kernel.used("correct", USAGE) as use:
        use.connection.execute(text("UPDATE social_offers SET version = version + 1"))
    again = register.accept(offer.id, "shared", HERS, by(MOTHER, "new"))
    assert (again.state, [word.person for word in again.words]) == ("open", [MOTHER])
    assert register.accept(offer.id, "shared", HIS, by(FATHER, "newer")).state == "accepted"


async def test_who_receives_says_where(paying: Paying) -> None:
    register = paying.social
    offer = await offered(register, paying.others)
    for choice, who, account, code in (
        ("mother", MOTHER, None, "missing_account"),
        ("shared", FATHER, None, "missing_account"),
        ("mother", FATHER, "EE00", "invalid_account"),
    ):
        with pytest.raises(CallerError) as refused:
            register.accept(offer.id, choice, account, by(who, f"{choice}-{who}"))
        assert refused.value.code == code
    assert register.accept(offer.id, "mother", None, by(FATHER, "his word alone")).words


async def test_nobody_waits_for_the_dead(paying: Paying) -> None:
    """An official lets the offer go on; the one who lives takes it alone."""
    register = paying.social
    offer = await offered(register, paying.others)
    register.apply_event(event("civil.death.registered", FATHER), "m-death")
    register.release(offer.id, by("36805280109", "release"))
    assert register.accept(offer.id, "shared", HERS, by(MOTHER, "alone")).state == "accepted"


async def test_in_viet_nam_what_is_the_fathers_needs_his_word(paying: Paying) -> None:
    register = paying.social
    offer = await offered(register, paying.others, VN_CHILD)
    hers, his = "970436 0011001234567", "970415 0011009876543"
    assert {choice["id"]: set(offer.needs(choice)) for choice in offer.choices} == {
        "mother": {VN_MOTHER},
        "mother_returns_early": {VN_MOTHER},
        "both": {VN_MOTHER, VN_FATHER},
    }

    vn = {one: replace(USAGE, user_id=f"VN{one}", message_id=one) for one in (VN_MOTHER, VN_FATHER)}
    assert register.accept(offer.id, "both", his, vn[VN_FATHER]).state == "open"
    done = register.accept(offer.id, "both", hers, vn[VN_MOTHER])
    assert done.accounts == {VN_MOTHER: "970436-0011001234567", VN_FATHER: "970415-0011009876543"}
    await settle(register, paying.others)
    ordered = {(o.person, o.account) for o in register.payment_orders(USAGE, offer=offer.id)}
    assert ordered and ordered <= set(done.accounts.items())


def test_whoever_would_lose_by_a_choice_has_a_word() -> None:
    item = {"benefit": "b", "valid_from": "2026-03-01"}
    default = {"id": "a", "items": [{**item, "person": "m"}]}
    other = {"id": "b", "items": [{**item, "person": "f"}]}
    assert needed([default, other], default, ("f", "m")) == ["m"]
    assert needed([default, other], other, ("f", "m")) == ["f", "m"]


async def test_money_of_who_gave_no_account_waits_for_it(paying: Paying) -> None:
    """As after an upgrade, where one parent's account held for both."""
    social = paying.social
    offer = await offered(social, paying.others)
    for who, account in ((MOTHER, HERS), (FATHER, HIS)):
        social.accept(offer.id, "father", account, by(who, f"a-{who}"))
    with social.kernel.engine.begin() as connection:
        connection.execute(text(f"DELETE FROM social_accounts WHERE person = '{FATHER}'"))
    await paying.work()
    assert paying.settle_with_bank() == 1 and set(paying.bank.paid) == {HERS}
    waits = [order for order in paying.orders(offer) if order.person == FATHER]
    assert {(o.state, o.reason, o.account, o.reference) for o in waits} == {
        ("returned", NO_ACCOUNT, None, None)
    }
    assert news(paying).count("social.payment.returned") == len(waits) == 2
    social.change_account(offer.id, HIS, by(FATHER, "given"))
    await paying.work()
    assert paying.settle_with_bank() == 2 and set(paying.bank.paid) == {HERS, HIS}


async def test_another_account_while_money_is_about_to_leave(
    paying: Paying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said after the board took the order up and before it wrote down what it sends: the money goes where its receiver says now."""
    social, another = paying.social, "EE021000001102079000"
    offer = await offered(social, paying.others)
    social.accept(offer.id, "mother", HERS, by(MOTHER, "a"))
    ask, said, one_by_one = paying.others.ask, [], asyncio.Lock()

    async def asked(register: str, path: Sequence[str], *, because: Because) -> Told:
        async with one_by_one:
            if because.key.startswith("payment/") and not said:
                said.append(because.key)
                await asyncio.to_thread(social.change_account, offer.id, another, by(MOTHER, "in between"))
        return await ask(register, path, because=because)

    monkeypatch.setattr(paying.others, "ask", asked)
    await paying.work()
    assert said and accounts(paying, offer) == {(MOTHER, another)}, "what stands there is where it went"
    assert paying.settle_with_bank() == 3 and set(paying.bank.paid) == {another}


async def test_what_waits_for_an_account_ends_with_the_offer(paying: Paying) -> None:
    social = paying.social
    offer = await offered(social, paying.others)
    social.accept(offer.id, "mother", HERS, by(MOTHER, "a"))
    with social.kernel.engine.begin() as connection:
        connection.execute(text("DELETE FROM social_accounts"))
    await paying.work()
    paying.clock.forward(days=10)
    social.apply_event(event("civil.death.registered", CHILD), "m-death")
    assert {state for state, _ in paying.states(offer)} == {"cancelled"}


def parked(url: str, older: Path) -> None:
    """A database of before each parent had an account of their own: six orders, of both."""
    here = Path(str(files("sild.registries.social"))) / "migrations"
    shutil.copytree(here, older, ignore=shutil.ignore_patterns("r0006*", "r0007*", "__pycache__"))
    at = "2026-03-01 00:00:00"
    orders = (  # person, state, reason, whether it was sent
        (MOTHER, "ordered", None, True),
        (FATHER, "ordered", None, True),
        (FATHER, "ordered", None, False),
        (FATHER, "returned", "AC04", True),
        (FATHER, "executed", None, True),
        (MOTHER, "ordered", None, False),
    )
    engine = open_database(url, TASK_MIGRATIONS, DECISION_MIGRATIONS, older)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO social_offers (id, child, country, issue, state, version, choices, made_at, changed_at)"
                f" VALUES ('o', '{CHILD}', 'EE', 'case-7', 'accepted', 1, '[]', '{at}', '{at}')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO social_acceptances (offer, person, choice, version, account, at, message_id)"
                f" VALUES ('o', '{MOTHER}', 'father', 1, 'hers', '{at}', 'x')"
            )
        )
        for number, (person, state, reason, sent) in enumerate(orders, start=1):
            connection.execute(
                text(
                    "INSERT INTO social_payment_orders (offer, benefit, person, account, amount, currency, period, due, state,"
                    " ordered_at, reason, reference) VALUES ('o', :benefit, :person, 'hers', '1', 'EUR', '2026-03-01',"
                    " '2026-03-04', :state, :at, :reason, :reference)"
                ),
                {
                    "benefit": f"b{number}",
                    "person": person,
                    "state": state,
                    "reason": reason,
                    "at": at,
                    "reference": f"r{number}",
                },
            )
            connection.execute(
                text(
                    'INSERT INTO social_payment_attempts (reference, "order", number, body, made_at)'
                    " VALUES (:reference, :number, 1, :body, :at)"
                ),
                {"reference": f"r{number}", "number": number, "body": "{}" if sent else None, "at": at},
            )
    engine.dispose()


def upgraded(tmp_path: Path, url: str, clock: SetClock) -> SocialRegister:
    return SocialRegister.open(tmp_path / "social", url, people=0, clock=clock)


def test_an_older_databases_accounts_are_of_who_gave_them(
    tmp_path: Path, database_url: str | None, clock: SetClock
) -> None:
    url = database_url or sqlite_url(tmp_path / "social.db")
    parked(url, tmp_path / "older" / "social" / "migrations")
    register = upgraded(tmp_path, url, clock)
    with register.kernel.engine.connect() as connection:
        found = [
            (one.person, one.state, one.reason, one.account)
            for one in orders_in(connection, payment_orders.c.offer == "o")
        ]
        assert accounts_of(connection, "o") == {MOTHER: "hers"}
        assert [(word.person, word.choice) for word in words_of(connection, "o", 1)] == [(MOTHER, "father")]
        assert connection.scalar(text("SELECT count(*) FROM social_payment_attempts")) == 6
    register.close()
    assert found == [
        (MOTHER, "ordered", None, "hers"),
        (FATHER, "ordered", None, "hers"),  # at the treasury already
        (FATHER, "returned", NO_ACCOUNT, None),
        (FATHER, "returned", NO_ACCOUNT, None),
        (FATHER, "executed", None, "hers"),
        (MOTHER, "ordered", None, "hers"),
    ]


@pytest.mark.parametrize("killed", [False, True])
async def test_whoevers_money_an_upgrade_made_wait_hears_of_it_once(
    tmp_path: Path, database_url: str | None, clock: SetClock, others: Others, killed: bool
) -> None:
    """killed: before anything was told. In two processes, and however often it starts; what the treasury has is nobody's to ask about."""
    url = database_url or sqlite_url(tmp_path / "social.db")
    parked(url, tmp_path / "older" / "social" / "migrations")
    if killed:
        upgraded(tmp_path, url, clock).close()
    first, second = upgraded(tmp_path, url, clock), upgraded(tmp_path, url, clock)
    for register in (first, second):
        register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["social.payment.*"])
        await settle(register, others)
        register.close()
    register = upgraded(tmp_path, url, clock)
    await settle(register, others)
    told = [one.event for one in register.kernel.outbox.deliveries_about(CHILD)]
    assert sorted((one.type, one.data["order"], one.data["reason"]) for one in told) == [
        ("social.payment.returned", order, NO_ACCOUNT) for order in (3, 4)
    ]
    assert {one.extensions.get("caseid") for one in told} == {"case-7"}
    register.close()


async def test_of_a_child_that_died_meanwhile_nothing_is_told(
    tmp_path: Path, database_url: str | None, clock: SetClock, others: Others
) -> None:
    url = database_url or sqlite_url(tmp_path / "social.db")
    parked(url, tmp_path / "older" / "social" / "migrations")
    register = upgraded(tmp_path, url, clock)
    register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["social.payment.*"])
    register.apply_event(event("civil.death.registered", CHILD), "m-death")
    await settle(register, others)
    assert register.kernel.outbox.deliveries_about(CHILD) == ()
    register.close()
