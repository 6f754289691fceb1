"""A payment order: what a body asks to be paid, and everything that may be wrong with it. Pure, but for the countries' profiles."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from sild.errors import CallerError
from sild.registries.accounts import MINOR_DIGITS, country_of_account, parse_account
from sild.registries.identity_codes import InvalidIdentityCode, parse_identity_code
from sild.registries.kernel import Defect, refuse_defects
from sild.registries.profiles import profile

__all__ = ["PaymentOrder", "PaymentState", "checked", "digest_of", "end_to_end_of"]

PaymentState = Literal["received", "scheduled", "executed", "returned", "stopped"]
"""received: in the books, nothing sent.  scheduled: in an instruction file for the bank.  returned: the money did not arrive, or
came back.  stopped: it was never sent, and never will be."""

MAX_AMOUNT = Decimal(10) ** 13
_AMOUNT = re.compile(r"[0-9]{1,13}(\.[0-9]{1,2})?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # the last ones: in no XML


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """reference: the ordering body's own id of it.  matter: what it is paid for, in the body's words: one matter, benefit, person
    and first day is paid once.  decision: id of the body's record.  amount: a decimal string.

    period_to: the first day not paid for; None: paid once.  not_before, due: the days between which it is to be paid.
    """

    reference: str
    matter: str
    purpose: str
    person: str
    name: str
    account: str
    amount: str
    currency: str
    decision: str
    period_from: date
    period_to: date | None
    not_before: date
    due: date


def checked(order: PaymentOrder) -> PaymentOrder:
    """The order as it is kept: account and amount in their one spelling. Raises Defects (`order_not_payable`) with all of them."""
    refuse_defects("the order cannot be paid", code="order_not_payable", defects=list(_defects(order)))
    country = parse_identity_code(order.person).country
    return PaymentOrder(
        **{
            **asdict(order),
            "account": parse_account(order.account, country),
            "amount": f"{Decimal(order.amount):.{MINOR_DIGITS[order.currency]}f}",
        }
    )


def _defects(order: PaymentOrder) -> Iterator[Defect]:
    try:
        country = parse_identity_code(order.person).country
    except InvalidIdentityCode:
        yield Defect("invalid_identity_code", "not an identity code", "/person")
        country = "EE"
    if not order.name.strip() or _UNPRINTABLE.search(order.name):
        yield Defect("invalid_name", "a bank pays to a name", "/name")
    if not order.matter.strip() or _UNPRINTABLE.search(order.matter):
        yield Defect("invalid_matter", "what it is paid for, in printable characters", "/matter")
    if order.currency not in MINOR_DIGITS:
        yield Defect("unknown_currency", f"one of {', '.join(MINOR_DIGITS)}", "/currency")
    try:
        paid_in = profile(country_of_account(parse_account(order.account, country))).currency
        if order.currency in MINOR_DIGITS and paid_in != order.currency:
            yield Defect("currency_mismatch", f"this account is paid to in {paid_in}", "/currency")
    except CallerError:
        yield Defect("invalid_account", "this is no bank account", "/account")
    if not _is_amount(order.amount, order.currency):
        yield Defect("invalid_amount", "more than nothing, in whole units of the currency", "/amount")
    if not _is_uuid(order.decision):
        yield Defect("invalid_decision", "the id of the decision that grants it", "/decision")
    if order.period_to is not None and order.period_to <= order.period_from:
        yield Defect("empty_period", "a period has at least one day", "/period")
    if order.due < order.not_before:
        yield Defect("due_too_early", "due before it may be paid", "/due")


def _is_amount(text: str, currency: str) -> bool:
    """Exact: what has more decimal places than the currency is refused, not rounded."""
    if not _AMOUNT.fullmatch(text):
        return False
    amount = Decimal(text)
    unit = Decimal(1).scaleb(-MINOR_DIGITS.get(currency, 2))
    return 0 < amount < MAX_AMOUNT and amount % unit == 0


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def digest_of(order: PaymentOrder) -> str:
    """SHA-256 of all of it, in hexadecimal: the same again, or another under the same id."""
    said = json.dumps(asdict(order), default=date.isoformat, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def end_to_end_of(client: str, reference: str) -> str:
    """What the bank knows an order by: always the same for the same one, even if the books were restored from a copy."""
    return uuid5(NAMESPACE_URL, f"urn:sild:payment:{client}|{reference}").hex
