"""The board and the treasury as they are, HTTP between them, and a bank: from a grant to the account, and contests of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sild.adapter.faults import service_error
from sild.errors import Unavailable
from sild.registries import (
    Grounds,
    SocialRegister,
    TreasuryRegister,
    duties_without_case,
    social_app,
    treasury_app,
)
from sild.registries.exchange import Because, message_id_of
from sild.registries.social.offers import Offer
from sild.registries.social.orders import PaymentOrder
from support.acting import serving
from support.asgi import Site

from ..treasury.bank import Bank
from .conftest import ANSWER, CHILD, MOTHER, USAGE, Others, SetClock
from .test_social import IBAN, by, declare, offered, settle

SOCIAL = "SILD/GOV/70000004/social"


@dataclass
class Paying:
    """lost: how many answers of the treasury get lost on their way back."""

    social: SocialRegister
    treasury: TreasuryRegister
    site: Site
    others: Others
    clock: SetClock
    bank: Bank = field(default_factory=Bank)
    lost: int = 0

    def answer(self, path: Sequence[str], body: Mapping[str, Any], because: Because) -> Any:
        """As the exchange brings it: the board's message, with its id, its ground and its case."""
        headers = {
            "X_Road_Client": SOCIAL,
            "X_Road_Id": message_id_of("SILD", because.key, *path),
            "X_Road_UserId": because.user_id,
            "X_Road_Issue": because.case or "",
            "Sild_Legal_Basis": because.basis,
        }
        answer = self.site.post("/" + "/".join(path), body, **headers)
        if answer.status >= 400:
            raise service_error("refused", status=answer.status, body=answer.body)
        if self.lost:
            self.lost -= 1
            raise Unavailable("no answer", code="network_error")
        return answer.json()

    async def work(self) -> None:
        await settle(self.social, self.others)

    def settle_with_bank(self, currency: str = "EUR") -> int:
        """How many transfers went out. What the bank says comes back, and its news to the board."""
        file = self.treasury.instruct(currency)
        if file is not None:
            self.treasury.take_report(self.bank.take(file.xml))
        self.deliver()
        return 0 if file is None else file.count

    def deliver(self, times: int = 1) -> None:
        outbox = self.treasury.kernel.outbox
        while taken := outbox.take(100, timedelta(minutes=2)):  # of each person one at a time
            for delivery in taken:
                for _ in range(times):
                    self.social.apply_event(delivery.event, f"m-{delivery.event.id}")
                outbox.delivered(delivery, "m")

    async def granted(self) -> Offer:
        offer = await offered(self.social, self.others)
        self.social.accept(offer.id, "mother", IBAN, by(MOTHER, "accept"))
        return offer

    def orders(self, offer: Offer) -> list[PaymentOrder]:
        return self.social.payment_orders(USAGE, offer=offer.id)

    def states(self, offer: Offer) -> set[tuple[str, str | None]]:
        return {(order.state, order.reason) for order in self.orders(offer)}


@contextmanager
def opened_paying(
    directory: Path, database_url: str | None, clock: SetClock, others: Others, request: pytest.FixtureRequest
) -> Iterator[Paying]:
    with ExitStack() as opened:
        second = database_url and opened.enter_context(request.getfixturevalue("postgresql").schema())
        social = SocialRegister.open(directory / "social", database_url, people=0, clock=clock)
        opened.callback(social.close)
        treasury = TreasuryRegister.open(directory / "treasury", second, clock=clock)
        opened.callback(treasury.close)
        treasury.kernel.without_case = Grounds({"*": duties_without_case()})
        told = ["social.*", "decision.corrected"]
        social.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", told)
        treasury.kernel.outbox.subscribe(SOCIAL, "events", ["treasury.*"])
        declare(social, MOTHER, "2000")
        site = opened.enter_context(serving(treasury_app(treasury)))
        paying = Paying(social, treasury, site, others, clock)
        others.treasury = paying.answer
        yield paying


def news(paying: Paying) -> list[str]:
    return [d.event.type for d in paying.social.kernel.outbox.deliveries_about(CHILD)]


def contest(paying: Paying, decision: str, number: str = "c1") -> None:
    with serving(social_app(paying.social)) as site:
        answer = site.post(
            f"/decisions/{decision}/contests",
            {"contest": number, "line": "person"},
            **{**_headers(MOTHER, f"{number}-begin"), "X_Road_Issue": number},
        )
        assert answer.status == 201, answer.text


def answered(paying: Paying, decision: str, *, overturned: bool, number: str = "c1") -> None:
    with serving(social_app(paying.social)) as site:
        answer = site.post(
            f"/decisions/{decision}/contests/{number}/end",
            {"overturned": overturned, "answer": ANSWER},
            **{**_headers("37001010002", f"{number}-end"), "X_Road_Issue": number},
        )
        assert answer.status == 200, answer.text


def _headers(user: str, message: str) -> dict[str, str]:
    return {
        "X_Road_Client": "SILD/GOV/70000001/portal",
        "X_Road_Id": message,
        "X_Road_UserId": f"EE{user}",
        "Sild_Legal_Basis": "HMS 71",
    }
