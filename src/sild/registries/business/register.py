"""The business register: what it is asked of companies and boards, and how a member of a board is entered and struck off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.errors import CallerError
from sild.registries.business.entries import (
    ABOUT_COMPANIES,
    BOARD_MEMBER,
    ROLES,
    Right,
    board_of,
    represented_by,
    require_company,
)
from sild.registries.business.filling import rows
from sild.registries.business.holdings import Holding, ensure_holder, enter_share, holders_of, holdings_of
from sild.registries.identity_codes import Country, parse_company_code, parse_identity_code
from sild.registries.kernel import Fact, Kernel, Usage, Use, provenance

__all__ = ["BusinessRegister", "Company"]


@dataclass(frozen=True, slots=True)
class Company:
    """facts: by name, each with its source and days.  board: seats, entity the person's code."""

    code: str
    country: Country
    facts: dict[str, Fact]
    board: tuple[Fact, ...]


class BusinessRegister:
    """Thread-safe."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel

    @classmethod
    def open(
        cls,
        directory: Path,
        database_url: str | None = None,
        *,
        system: str,
        people: int = 4_000,
        zone: ZoneInfo | None = None,
        clock: Clock = system_clock,
    ) -> Self:
        """people: of the synthetic population, who found companies in an empty register; 0: none.

        Raises Unavailable (`database_error`).
        """
        directory.mkdir(parents=True, exist_ok=True)
        url = database_url or sqlite_url(directory / "business.db")
        kernel = Kernel.open(url, system, zone=zone, clock=clock)
        if people and not kernel.has_facts():
            with kernel.filling() as facts:
                facts.record_many(rows(people, system.strip("/")))
        return cls(kernel)

    def close(self) -> None:
        self.kernel.close()

    # --- what it is asked

    def company(self, code: str, usage: Usage, *, on: date | None = None) -> Company:
        """Of a day, today by itself. Raises InvalidCompanyCode, CallerError (`unknown_company`)."""
        with self.kernel.used("getCompany", usage) as use:
            return _company(use, code, on or use.today)

    def rights_of(self, person: str, usage: Usage) -> Sequence[Right]:
        """Which companies somebody represents, alone or with others. Raises InvalidIdentityCode."""
        parse_identity_code(person)
        with self.kernel.used("getCompaniesOf", usage) as use:
            use.concerns(person)
            found = represented_by(use, person)
            use.concerns(*(right.company for right in found))
            return found

    # --- what it is told, by whoever has the right to: the registrar's official, who is proved, or a system

    def enter(
        self,
        company: str,
        person: str,
        name: str,
        usage: Usage,
        *,
        since: date | None = None,
        ensure: Callable[[], None] = lambda: None,
    ) -> Company:
        """Somebody joins the board; the same message again changes nothing. ensure: raises CallerError for who may not say so.

        Raises InvalidCompanyCode, InvalidIdentityCode, CallerError: `unknown_company`, `already_a_member`, `company_is_deleted`.
        """
        parse_identity_code(person)
        with self.kernel.used("enterBoardMember", usage) as use:
            country = _changing(use, company, person, ensure)
            if use.answered() is None:
                if use.facts.value(company, "status", on=use.today) == "deleted":
                    raise CallerError("the company was deleted", code="company_is_deleted")
                if use.facts.value(person, BOARD_MEMBER, on=use.today, key=company) is not None:
                    raise CallerError("the person is on this board", code="already_a_member")
                called = use.facts.value(company, "name", on=use.today)
                seat = {"role": ROLES[country], "person": name, "company": called}
                use.facts.record(
                    person,
                    BOARD_MEMBER,
                    seat,
                    key=company,
                    valid_from=since or use.today,
                    provenance=provenance(use),
                )
                use.answer({})
            return _company(use, company, use.today)

    def strike_off(
        self,
        company: str,
        person: str,
        usage: Usage,
        *,
        on: date | None = None,
        ensure: Callable[[], None] = lambda: None,
    ) -> Company:
        """From that day (today) the person is on the board no longer, and represents nobody; the same message again changes nothing.
        ensure: as `enter`.

        Raises InvalidCompanyCode, InvalidIdentityCode, CallerError: `unknown_company`, `not_a_member`.
        """
        parse_identity_code(person)
        with self.kernel.used("strikeOffBoardMember", usage) as use:
            _changing(use, company, person, ensure)
            if use.answered() is None:
                end = on or use.today
                seat = use.facts.fact(person, BOARD_MEMBER, on=use.today, key=company)
                if seat is None or seat.value is None:
                    raise CallerError("the person is not on this board", code="not_a_member")
                use.facts.record(
                    person,
                    BOARD_MEMBER,
                    None,
                    key=company,
                    valid_from=max(end, seat.valid_from),
                    provenance=provenance(use),
                )
                use.answer({})
            return _company(use, company, use.today)

    def holdings_of(self, holder: str, usage: Usage) -> Sequence[Holding]:
        """What a person or a company holds of companies, also through companies. Raises InvalidIdentityCode."""
        ensure_holder(holder)
        with self.kernel.used("getHoldings", usage) as use:
            use.concerns(holder)
            return holdings_of(use, holder)

    def shareholders_of(self, company: str, usage: Usage, *, on: date | None = None) -> Sequence[Fact]:
        """Raises InvalidCompanyCode, CallerError (`unknown_company`)."""
        with self.kernel.used("getShareholders", usage) as use:
            require_company(use, company)
            found = holders_of(use, company, on=on or use.today)
            use.concerns(*(fact.entity for fact in found))
            return found

    def enter_share(
        self,
        company: str,
        holder: str,
        name: str,
        share: str | None,
        usage: Usage,
        *,
        since: date | None = None,
        ensure: Callable[[], None] = lambda: None,
    ) -> Sequence[Fact]:
        """As `holdings.enter_share`; the same message again changes nothing. ensure: as `enter`. Who holds it then."""
        ensure_holder(holder)
        with self.kernel.used("enterShare", usage) as use:
            use.concerns(holder)
            ensure()
            if use.answered() is None:
                enter_share(use, company, holder, name, share, since=since)
                use.answer({})
            return holders_of(use, company, on=use.today)


def _changing(use: Use, company: str, person: str, ensure: Callable[[], None]) -> Country:
    use.concerns(person)
    ensure()
    country = require_company(use, company)
    use.alone(f"board/{company}")
    return country


def _company(use: Use, code: str, on: date) -> Company:
    country = require_company(use, code)
    found = use.facts.current(code, ABOUT_COMPANIES, on=on)
    board = board_of(use, code, on=on)
    use.concerns(*(seat.entity for seat in board))
    return Company(parse_company_code(code).text, country, {fact.name: fact for fact in found}, board)
