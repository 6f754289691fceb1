"""An order is taken once, whoever sends it how often; what cannot be paid is refused with everything that is wrong."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sild.errors import CallerError
from sild.registries import TreasuryRegister, treasury_app
from sild.registries.kernel import Defects
from sild.registries.treasury.orders import checked
from support.asgi import serving

from ..asking import Asker, refused
from .conftest import DECISION, DONG, MOTHER, ORDER, SetClock, told, usage


def code_of(treasury: TreasuryRegister, order: Any = ORDER, client: str = "SILD/GOV/70000004/social") -> str:
    try:
        treasury.order(order, usage(client))
    except CallerError as refusal:
        return refusal.code
    return "taken"


def test_an_order_and_its_repetitions_are_one(treasury: TreasuryRegister, clock: SetClock) -> None:
    first = treasury.order(ORDER, usage(message="m-1"))
    clock.forward(hours=3)
    again = [treasury.order(ORDER, usage(message=message)) for message in ("m-1", "m-2")]
    assert again == [first, first]
    assert (first.state, first.order.account, first.order.amount) == (
        "received",
        "EE382200221020145685",
        "80.00",
    )
    assert treasury.instruct("EUR") is not None
    assert treasury.order(ORDER, usage()).end_to_end == first.end_to_end
    assert treasury.instruct("EUR") is None, "not a second time"


def test_the_same_in_other_words_is_the_same(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    treasury.order(replace(ORDER, account="ee382200221020145685", amount="80"), usage())
    assert code_of(treasury, replace(ORDER, amount="80.01")) == "order_differs"


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": "81.00"},
        {"account": "EE471000001020145685"},
        {"person": "38702030027"},
        {"due": date(2026, 3, 6)},
    ],
)
def test_another_order_under_its_id_is_refused(treasury: TreasuryRegister, changed: dict[str, Any]) -> None:
    treasury.order(ORDER, usage())
    assert code_of(treasury, replace(ORDER, **changed)) == "order_differs"
    file = treasury.instruct("EUR")
    assert file is not None and (file.count, file.total) == (1, "80.00")


def test_another_body_may_use_the_same_id(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    assert code_of(treasury, replace(ORDER, amount="5.00"), "SILD/GOV/70000009/pensions") == "taken"
    with pytest.raises(CallerError, match="no such payment order"):
        treasury.payment(ORDER.reference, usage("SILD/GOV/70000010/other"))


def test_a_body_that_forgot_what_it_ordered_pays_nothing_twice(treasury: TreasuryRegister) -> None:
    """Restored from an old copy it makes a new id for the same month; a new decision does not change that either."""
    treasury.order(ORDER, usage())
    forgotten = replace(ORDER, reference="order-2", decision=DECISION.replace("3f2c", "3f2d"))
    assert code_of(treasury, forgotten) == "paid_already"
    assert code_of(treasury, replace(forgotten, period_from=date(2026, 3, 2))) == "taken"
    assert code_of(treasury, replace(forgotten, reference="order-3", matter="offer-2")) == "taken", "a twin"


def test_everything_that_is_wrong_at_once() -> None:
    wrong = replace(
        ORDER,
        person="49001010000",
        name=" ",
        account="EE38 2200 2210 2014 5686",
        amount="0",
        decision="of last week",
        period_to=date(2026, 3, 1),
        due=date(2026, 3, 1),
        currency="USD",
    )
    with pytest.raises(Defects) as refused:
        checked(wrong)
    assert {defect.code for defect in refused.value.defects} == {
        "invalid_identity_code",
        "invalid_name",
        "invalid_account",
        "invalid_amount",
        "invalid_decision",
        "empty_period",
        "due_too_early",
        "unknown_currency",
    }


@pytest.mark.parametrize(
    "amount",
    ["-1", "0.00", "80.001", "1e3", "80,00", "NaN", "Infinity", "10000000000000", "٨٠", " 80", "+80", ""],
)
def test_money_is_exact_and_more_than_nothing(amount: str) -> None:
    with pytest.raises(Defects) as refused:
        checked(replace(ORDER, amount=amount))
    assert [defect.code for defect in refused.value.defects] == ["invalid_amount"]


def test_dong_is_whole_and_goes_to_a_vietnamese_account() -> None:
    assert checked(DONG).account == "970436-0011001234567"
    assert checked(replace(DONG, amount="4680000.00")).amount == "4680000"
    for wrong, code in (
        ({"amount": "4680000.50"}, "invalid_amount"),
        ({"currency": "EUR"}, "currency_mismatch"),
        ({"account": "970436"}, "invalid_account"),
        ({"account": "EE382200221020145685"}, "currency_mismatch"),
    ):
        with pytest.raises(Defects) as refused:
            checked(replace(DONG, **wrong))  # type: ignore[arg-type]  # of several kinds
        assert code in [defect.code for defect in refused.value.defects]


def test_a_stop_before_the_bank_is_told(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    for _ in range(2):
        stopped = treasury.stop(ORDER.reference, "contested", usage())
        assert stopped is not None and (stopped.state, stopped.reason) == ("stopped", "contested")
    assert treasury.instruct("EUR") is None
    assert treasury.order(ORDER, usage()).state == "stopped", "sent again it is not paid either"
    assert code_of(treasury, replace(ORDER, reference="order-1b")) == "taken", "but may be ordered anew"


def test_a_stop_that_overtakes_its_order(treasury: TreasuryRegister) -> None:
    for _ in range(2):
        assert treasury.stop(ORDER.reference, "superseded", usage()) is None
    assert code_of(treasury) == "order_stopped"
    assert treasury.instruct("EUR") is None


def test_a_stop_that_comes_too_late(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    assert treasury.instruct("EUR") is not None
    with pytest.raises(CallerError) as refused:
        treasury.stop(ORDER.reference, "contested", usage())
    assert refused.value.code == "already_instructed"
    assert treasury.payment(ORDER.reference, usage()).state == "scheduled"


def test_not_before_its_day(treasury: TreasuryRegister, clock: SetClock) -> None:
    treasury.order(replace(ORDER, not_before=date(2026, 3, 4)), usage())
    assert treasury.instruct("EUR") is None
    clock.forward(days=2)
    assert treasury.instruct("EUR") is not None


def test_two_processes_send_and_stop_and_instruct_at_once(
    tmp_path: Path, treasury: TreasuryRegister, database_url: str | None, clock: SetClock
) -> None:
    """Each order ends either in exactly one file or as stopped."""
    other = TreasuryRegister.open(tmp_path / "treasury", database_url, clock=clock)
    wanted = [replace(ORDER, reference=f"order-{n}", matter=f"offer-{n}") for n in range(12)]
    files, failed = [], []

    def work(register: TreasuryRegister, stops: bool) -> None:
        try:
            for order in wanted:
                register.order(order, usage())
                if stops and int(order.reference[6:]) % 3 == 0:
                    try:
                        register.stop(order.reference, "contested", usage())
                    except CallerError as late:
                        assert late.code == "already_instructed"
                files.append(register.instruct("EUR"))
        except Exception as error:
            failed.append(error)

    both = [threading.Thread(target=work, args=pair) for pair in ((treasury, True), (other, False))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    other.close()
    assert not failed
    sent = [xml.split(b"<EndToEndId>")[1:] for xml in (file.xml for file in files if file is not None)]
    ids = [one[:32].decode() for several in sent for one in several]
    found = [treasury.payment(order.reference, usage()) for order in wanted]
    assert sorted(ids) == sorted(one.end_to_end for one in found if one.state == "scheduled")
    assert {one.state for one in found} <= {"scheduled", "stopped"}


def test_the_person_sees_each_payment_as_it_stands(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    with treasury.kernel.used("look", usage()) as use:
        (fact,) = use.facts.current(MOTHER, on=date(2026, 3, 2))
    assert (fact.value["amount"], fact.value["decision"], fact.value["state"]) == (
        "80.00",
        DECISION,
        "received",
    )
    assert fact.provenance.basis == "PHS § 10"
    assert treasury.kernel.usage_of(MOTHER).total == 1
    treasury.instruct("EUR")
    assert treasury.kernel.usage_of(MOTHER).entries[0].operation == "instructBank"
    assert told(treasury) == []


@pytest.mark.parametrize("matter", ["offer\x00-1", "offer\n1", "\x7f", " ", "a\x9fb", "\ufffe"])
def test_a_matter_that_cannot_be_written_is_refused(treasury: TreasuryRegister, matter: str) -> None:
    """Whatever the database: PostgreSQL keeps no NUL, and a statement shows no control character."""
    with pytest.raises(Defects) as refusal:
        treasury.order(replace(ORDER, matter=matter), usage())
    assert [(one.code, one.pointer) for one in refusal.value.defects] == [("invalid_matter", "/matter")]


def test_the_same_over_http(treasury: TreasuryRegister) -> None:
    """As a body sends it; a NUL in an address is no order's either."""
    order = {
        **{name: getattr(ORDER, name) for name in ("purpose", "person", "name", "account", "amount")},
        "currency": "EUR",
        "decision": DECISION,
        "order": "order-1",
        "matter": "offer\x00-1",
        "period": {"from": "2026-03-01", "to": "2026-04-01"},
        "not_before": "2026-03-02",
        "due": "2026-03-05",
    }
    with serving(treasury_app(treasury)) as site:
        treasury_over_http = Asker(site)
        problem = refused(treasury_over_http.post("/payment-orders", order), 400, "bad_request")
        assert [fault["pointer"] for fault in problem["errors"]] == ["/body/matter"]
        refused(treasury_over_http.get("/payment-orders/order%00-1"), 400, "bad_request")
        refused(
            treasury_over_http.post("/payment-orders/a%00b/stop", {"reason": "superseded"}),
            400,
            "bad_request",
        )
        treasury_over_http.done("/payment-orders", {**order, "matter": "offer-1"})
