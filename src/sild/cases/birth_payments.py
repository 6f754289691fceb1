"""Payments in a case of birth: what was paid, what came back, another account. The board says it; the treasury and a bank stand behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sild.cases.birth_facts import SOCIAL, Grounds, known
from sild.cases.birth_work import act, child_in, spoken_by
from sild.cases.case import Case
from sild.cases.process import JobFunction, Work
from sild.cases.views import FactLine
from sild.errors import CallerError
from sild.i18n import format_money

__all__ = ["BirthPayments", "payment_results", "returned_lines"]


def payment_results(case: Case) -> dict[str, Any]:
    """Each payment as it stands, the latest first, and the decision it rests on."""
    newest: dict[int, Mapping[str, Any]] = {}
    for taken in case.all("PAID", "PAYMENT_RETURNED"):
        newest.pop(taken.data["order"], None)
        newest[taken.data["order"]] = {**taken.data, "paid": taken.name == "PAID"}
    if not newest:
        return {}
    decisions = dict.fromkeys(one["decision"] for one in newest.values() if one.get("decision"))
    return {
        "payments": list(reversed(newest.values())),
        "decisions": [["social", decision, "grant"] for decision in decisions],
    }


def returned_lines(case: Case, language: str, person: str) -> Iterator[FactLine]:
    """What of this person's came back: shown where another account is asked for."""
    for one in payment_results(case).get("payments", ()):
        if not one["paid"] and one["person"] == person:
            value = format_money(one["amount"], one["currency"], language)
            yield FactLine(f"benefit.{one['benefit']}", "returned", value, register=SOCIAL)


class BirthPayments:
    def __init__(self, service: str, grounds: Grounds) -> None:
        self._service = service
        self._grounds = grounds

    def by_kind(self) -> Mapping[str, JobFunction]:
        return {"payment": self.payment, "account": self.account}

    async def payment(self, work: Work) -> None:
        """One payment was made, or came back: as the board knows it now. Cases that were closed hear of it, too."""
        data = work.arguments["event"]["data"]
        person = known(child_in(work), work.profile.country)
        live = await work.cases("live", self._service, person)
        case = next(iter(live or await work.cases("closed", self._service, person, closed=True)), None)
        if case is None:
            return
        path = f"/offers/{data['offer']}/payment-orders"
        basis = self._grounds.benefits
        orders = (await work.call("orders", SOCIAL, "GET", path, basis=basis, case=case)).json["items"]
        for order in [order for order in orders if order["id"] == data["order"]]:
            said = {"order": order["id"], "offer": order["offer"], "reason": order.get("reason")}
            said |= {name: order.get(name) for name in ("benefit", "amount", "currency", "decision")}
            said |= {"on": order.get("executed_on"), "person": known(order["person"], work.profile.country)}
            if order["state"] == "executed":
                await act(work, "paid", "PAID", said, case)
            elif order["state"] == "returned":
                await act(work, "returned", "PAYMENT_RETURNED", said, case)

    async def account(self, work: Work) -> None:
        """Another account, said by the parent."""
        given = work.arguments
        acting, whose = spoken_by(work)
        path, body = f"/offers/{given['offer']}/account", {"account": given["account"]}
        try:
            await work.call(
                "account",
                SOCIAL,
                "POST",
                path,
                body,
                basis=self._grounds.benefits,
                acting=acting,
                acting_for=whose,
                says="changeAccount",
            )
        except CallerError as refusal:
            await act(work, "refused", "REFUSE_ACCOUNT", {"reason": refusal.code, "person": whose})
            return
        await act(work, "taken", "TAKE_ACCOUNT", {})
