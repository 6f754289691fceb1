"""What the business register holds, as facts.

    of a company   name, legal_form, registered_office, status, representation (`sole`, `joint`): the entity is its registry code
    of a person    board_member {role, person, company}, key the company's code: a seat on its board, since when
    of a holder    shareholding {share, holder, company}, key the company's code (holdings.py)

A seat is the person's own fact, so that they see and dispute it as any other; the company's entry lists it, too. A value of None says
that somebody of whom it was said has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from sild.errors import CallerError
from sild.registries.identity_codes import Country, parse_company_code
from sild.registries.kernel import Fact, FactKind, Use
from sild.registries.kernel.facts import Json

__all__ = [
    "ABOUT_COMPANIES",
    "BASIS",
    "BOARD_MEMBER",
    "KINDS",
    "ROLES",
    "Right",
    "board_of",
    "is_company",
    "represented_by",
    "require_company",
]

BOARD_MEMBER = "board_member"
ABOUT_COMPANIES = ("name", "legal_form", "registered_office", "status", "representation")
STATUSES = ("registered", "in_liquidation", "bankrupt", "deleted")
RIGHTS = ("sole", "joint")
ROLES: Mapping[Country, str] = {"EE": "management_board_member", "VN": "legal_representative"}
"""What somebody on the board is called: ÄS § 180; Luật Doanh nghiệp 2020, Điều 12."""
BASIS: Mapping[Country, str] = {"EE": "ÄRS § 3", "VN": "Luật Doanh nghiệp 2020, Điều 28"}
"""On which a company is entered; for demonstration: verify before relying on it."""


@dataclass(frozen=True, slots=True)
class Right:
    """Of one person to represent one company. seat: the fact of it.  sole: alone; otherwise all of the board together."""

    company: str
    name: str
    country: Country
    role: str
    status: str
    right: Literal["sole", "joint"]
    seat: Fact


def is_company(use: Use, code: str) -> bool:
    """Also one that was deleted: it stays in the register."""
    return bool(use.facts.current(code, ["name"], on=use.today))


def require_company(use: Use, code: str) -> Country:
    """The use concerns it, known or not. Raises InvalidCompanyCode, CallerError (`unknown_company`)."""
    country = parse_company_code(code).country
    use.concerns(code)
    if not is_company(use, code):
        raise CallerError("no company here has this registry code", code="unknown_company")
    return country


def board_of(use: Use, company: str, *, on: date) -> tuple[Fact, ...]:
    """The seats of its board; who is nobody's member any more is not among them."""
    return _still(use.facts.entities_with(BOARD_MEMBER, company, on=on))


def represented_by(use: Use, person: str) -> list[Right]:
    """Every company on whose board somebody is today, in whatever state it is, by name."""
    seats = _still(use.facts.current(person, [BOARD_MEMBER], on=use.today))
    known = use.facts.values_of([seat.key for seat in seats], ABOUT_COMPANIES, on=use.today)
    rights = [
        Right(
            company=seat.key,
            name=known[seat.key]["name"],
            country=parse_company_code(seat.key).country,
            role=seat.value["role"],
            status=known[seat.key]["status"],
            right=known[seat.key]["representation"],
            seat=seat,
        )
        for seat in seats
    ]
    return sorted(rights, key=lambda one: (one.name, one.company))


def _still(found: Iterable[Fact]) -> tuple[Fact, ...]:
    return tuple(fact for fact in found if fact.value is not None)


def _text(_entity: str, value: Json) -> None:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= 200:
        raise CallerError("a text of 1 to 200 signs", code="invalid_value")


def _status(_entity: str, value: Json) -> None:
    if value not in STATUSES:
        raise CallerError(f"one of {', '.join(STATUSES)}", code="invalid_value")


def _right(_entity: str, value: Json) -> None:
    if value not in RIGHTS:
        raise CallerError(f"one of {', '.join(RIGHTS)}", code="invalid_value")


def _seat(_entity: str, value: Json) -> None:
    """What an official answers a dispute of it with: that there is none. Who sits there is entered, not corrected."""
    if value is not None:
        raise CallerError("0: the person is not on this board, or holds nothing of it", code="invalid_value")


def _read_seat(text: str, before: Json) -> Json:
    return None if text.strip() == "0" else before


KINDS = (
    FactKind("name", "company.name", "Name of the company", _text),
    FactKind("legal_form", "company.legal_form", "Legal form: OÜ, AS; TNHH, CP"),
    FactKind("registered_office", "company.registered_office", "Address of the registered office", _text),
    FactKind("status", "company.status", "Registered, in liquidation, bankrupt or deleted", _status),
    FactKind(
        "representation",
        "company.representation",
        "Whether every member of the board represents the company alone, or all of them together",
        _right,
    ),
    FactKind("shareholding", "person.shareholding", "A share of a company, since when", _seat, _read_seat),
    FactKind(
        BOARD_MEMBER, "person.board_membership", "A seat on a company's board, since when", _seat, _read_seat
    ),
)
