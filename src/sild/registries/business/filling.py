"""The synthetic companies, into an empty register."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sild.registries.business.entries import BASIS, BOARD_MEMBER, ROLES
from sild.registries.business.holdings import SHAREHOLDING
from sild.registries.synthetic import SyntheticCompany, synthetic_companies, synthetic_people

__all__ = ["rows"]


def rows(count: int, source: str) -> Iterator[dict[str, Any]]:
    """For `Facts.record_many`. count: of the synthetic people.  source: the register itself."""
    for company in synthetic_companies(synthetic_people(count)):
        said = {"source": source, "basis": BASIS[company.country]}
        for row in _facts(company):
            yield row | said


def _facts(company: SyntheticCompany) -> Iterator[dict[str, Any]]:
    values = {
        "name": company.name,
        "legal_form": company.legal_form,
        "registered_office": company.registered_office,
        "status": company.status,
        "representation": company.right,
    }
    for name, value in values.items():
        yield {"entity": company.code, "name": name, "value": value, "valid_from": company.founded}
    size = len(company.board)
    for person, since in company.board:
        names = (person.given_names, person.family_name)
        held = {
            "share": f"1/{size}",
            "holder": " ".join(reversed(names) if person.country == "VN" else names),
            "company": company.name,
        }
        yield {
            "entity": person.code,
            "name": SHAREHOLDING,
            "key": company.code,
            "value": held,
            "valid_from": since,
        }
    for person, since in company.board:
        names = (person.given_names, person.family_name)
        seat = {
            "role": ROLES[company.country],
            "person": " ".join(reversed(names) if person.country == "VN" else names),
            "company": company.name,
        }
        yield {
            "entity": person.code,
            "name": BOARD_MEMBER,
            "key": company.code,
            "value": seat,
            "valid_from": since,
        }
