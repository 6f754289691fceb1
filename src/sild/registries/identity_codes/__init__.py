"""Identity codes of people, and registry codes of companies, country by country: what a code says, whether it can be one, making one. Pure.

A country profile owns these rules; they move there when profiles come.

estonia.py   isikukood, EVS 585:2007            vietnam.py   số định danh cá nhân, Decree 137/2015/NĐ-CP, article 13
companies.py codes of companies of both
"""

from __future__ import annotations

from sild.registries.identity_codes import estonia, vietnam
from sild.registries.identity_codes.code import Country, IdentityCode, InvalidIdentityCode, Sex
from sild.registries.identity_codes.companies import CompanyCode, InvalidCompanyCode, parse_company_code

__all__ = [
    "CompanyCode",
    "Country",
    "IdentityCode",
    "InvalidCompanyCode",
    "InvalidIdentityCode",
    "Sex",
    "parse_company_code",
    "parse_identity_code",
]


def parse_identity_code(text: str) -> IdentityCode:
    """Read a code of either country; they differ in length. Raises InvalidIdentityCode."""
    if len(text) == vietnam.LENGTH:
        return vietnam.parse(text)
    return estonia.parse(text)
