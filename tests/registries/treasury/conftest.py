"""A treasury in a database of each kind, and an order of the social insurance board."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sild.registries import TreasuryRegister
from sild.registries.kernel import Usage
from sild.registries.treasury.orders import PaymentOrder
from support.clock import SetClock as SetClock
from support.postgres import either_url as either_url
from support.postgres import postgresql as postgresql

MOTHER, VN_MOTHER = "48901010015", "001190000001"
SOCIAL = "SILD/GOV/70000004/social"
DECISION = "3f2c1a60-2d9e-4d57-9a53-1f1f0c7b9c11"
ORDER = PaymentOrder(
    reference="order-1",
    matter="offer-1",
    purpose="child_allowance",
    person=MOTHER,
    name="Mari Maasikas",
    account="EE38 2200 2210 2014 5685",
    amount="80.00",
    currency="EUR",
    decision=DECISION,
    period_from=date(2026, 3, 1),
    period_to=date(2026, 4, 1),
    not_before=date(2026, 3, 2),
    due=date(2026, 3, 5),
)
DONG = replace(
    ORDER,
    reference="order-vn",
    person=VN_MOTHER,
    account="970436 0011001234567",
    amount="4680000",
    currency="VND",
)


def usage(client: str = SOCIAL, *, message: str | None = None) -> Usage:
    return Usage(client, message or str(uuid4()), user_id="automatic", issue="case-7", basis="PHS § 10")


def told(treasury: TreasuryRegister, person: str = MOTHER) -> list[tuple[str, dict[str, Any]]]:
    """What its subscribers hear."""
    return [(d.event.type, dict(d.event.data)) for d in treasury.kernel.outbox.deliveries_about(person)]


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def database_url(either_url: str) -> str:
    return either_url


@pytest.fixture
def treasury(tmp_path: Path, database_url: str, clock: SetClock) -> Iterator[TreasuryRegister]:
    treasury = TreasuryRegister.open(tmp_path / "treasury", database_url, clock=clock)
    treasury.kernel.outbox.subscribe(SOCIAL, "events", ["treasury.*"])
    yield treasury
    treasury.close()
