"""Who holds which share of a company, as facts of the holder: a person, or another company, through which people hold on.

    of a holder   shareholding {share, holder, company}, key the company's code: a share (`1/3`), since when, until when

The shares of a company are never more than the whole. What somebody holds through companies is followed to its end, each company once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from sild.errors import CallerError
from sild.registries.business.entries import require_company
from sild.registries.identity_codes import (
    InvalidCompanyCode,
    parse_company_code,
    parse_identity_code,
)
from sild.registries.kernel import Fact, Use, provenance

__all__ = ["SHAREHOLDING", "Holding", "ensure_holder", "enter_share", "holders_of", "holdings_of"]

SHAREHOLDING = "shareholding"
MOST_COMPANIES = 1_000
"""That one holder is followed through: longer chains are nobody's conflict any more, and everybody's time."""


@dataclass(frozen=True, slots=True)
class Holding:
    """through: code of the company by which they hold it; None: themselves.  fact: of the share, theirs or that company's."""

    company: str
    through: str | None
    fact: Fact


def holders_of(use: Use, company: str, *, on: date) -> tuple[Fact, ...]:
    """Shares of a company; the entity is the holder."""
    return tuple(
        fact for fact in use.facts.entities_with(SHAREHOLDING, company, on=on) if fact.value is not None
    )


def holdings_of(use: Use, holder: str) -> list[Holding]:
    """Today, the nearest first."""
    return list(_followed(use, holder))


def _followed(use: Use, holder: str) -> Iterator[Holding]:
    seen = {holder}
    waiting: list[tuple[str, str | None]] = [(holder, None)]
    while waiting and len(seen) <= MOST_COMPANIES:
        one, through = waiting.pop(0)
        for fact in use.facts.current(one, [SHAREHOLDING], on=use.today):
            if fact.value is None or fact.key in seen:
                continue
            seen.add(fact.key)
            yield Holding(fact.key, through, fact)
            waiting.append((fact.key, fact.key))


def enter_share(
    use: Use, company: str, holder: str, name: str, share: str | None, *, since: date | None = None
) -> None:
    """From that day (today) they hold so much of it; None: nothing any more.

    Raises InvalidCompanyCode, InvalidIdentityCode, CallerError (`unknown_company`, `not_a_share`, `too_many_shares`, `holds_itself`).
    """
    ensure_holder(holder)
    require_company(use, company)
    use.concerns(holder)
    use.alone(f"shares/{company}")
    if holder == company:
        raise CallerError("a company holds no share of its own here", code="holds_itself")
    day = since or use.today
    value = None
    if share is not None:
        others = (one for one in holders_of(use, company, on=day) if one.entity != holder)
        if sum((_fraction(one.value["share"]) for one in others), _fraction(share)) > 1:
            raise CallerError("more than the whole company", code="too_many_shares")
        called = use.facts.value(company, "name", on=use.today)
        value = {"share": share, "holder": name, "company": called}
    use.facts.record(holder, SHAREHOLDING, value, key=company, valid_from=day, provenance=provenance(use))


def ensure_holder(code: str) -> None:
    """A person or a company. Raises InvalidIdentityCode."""
    try:
        parse_company_code(code)
    except InvalidCompanyCode:
        parse_identity_code(code)


def _fraction(share: str) -> Fraction:
    try:
        found = Fraction(share)
    except (ValueError, ZeroDivisionError) as error:
        raise CallerError("a share is a fraction, 1/3", code="not_a_share") from error
    if not 0 < found <= 1:
        raise CallerError("a share is a part of the whole, 1/3", code="not_a_share")
    return found
