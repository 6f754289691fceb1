"""Registry codes of companies: registrikood (Estonia, 8 digits) and mã số doanh nghiệp (Viet Nam, 10 digits; Luật Doanh nghiệp 2020, Điều 29).

Never the form of a person's code (11 and 12 digits), so neither passes for the other. How digits are checked says python-stdnum.
"""

from __future__ import annotations

from dataclasses import dataclass

from stdnum.ee import ik, registrikood
from stdnum.exceptions import ValidationError
from stdnum.vn import mst

from sild.errors import CallerError
from sild.registries.identity_codes.code import Country

__all__ = ["CompanyCode", "InvalidCompanyCode", "make_company_code", "parse_company_code"]

ESTONIAN, VIETNAMESE = 8, 10  # digits


class InvalidCompanyCode(CallerError):
    """The text cannot be a registry code."""

    code = "invalid_company_code"


@dataclass(frozen=True, slots=True)
class CompanyCode:
    text: str
    country: Country


def parse_company_code(text: str) -> CompanyCode:
    """Read a code of either country; they differ in length. Raises InvalidCompanyCode."""
    if not (text.isascii() and text.isdigit() and len(text) in (ESTONIAN, VIETNAMESE)):
        raise InvalidCompanyCode(
            f"a registry code has {ESTONIAN} digits in Estonia, {VIETNAMESE} in Viet Nam"
        )
    try:
        if len(text) == ESTONIAN:
            registrikood.validate(text)
            return CompanyCode(text, "EE")
        mst.validate(text)
        return CompanyCode(text, "VN")
    except ValidationError:
        raise InvalidCompanyCode("the check digit or the first digit does not fit") from None


def make_company_code(country: Country, number: int) -> str:
    """number: 1 to 999 999; of a company, of Hà Nội in Viet Nam."""
    if not 1 <= number <= 999_999:
        raise ValueError("outside what a registry code can say")
    if country == "EE":
        digits = f"1{number:06d}"
        return digits + ik.calc_check_digit(digits + "0")
    while True:  # one number in eleven has no check digit
        digits = f"010{number:06d}"
        code = digits + mst.calc_check_digit(digits)
        if len(code) == VIETNAMESE and mst.is_valid(code):
            return code
        number = number % 999_999 + 1
