"""Codes of people and companies as log-ins write them, with the country in front, and as registers do, without."""

from __future__ import annotations

from sild.errors import CallerError

__all__ = ["COMPANY_LENGTHS", "register_code"]

COMPANY_LENGTHS = {"EE": 8, "VN": 10}
"""Digits of a company's registry code; a person's has 11 or 12, so neither passes for the other."""
PERSON_LENGTHS = {"EE": 11, "VN": 12}


def register_code(code: str) -> str:
    """As registers of these countries write it, without the country: `EE38001085718` -> `38001085718`. Of another country the digits
    alone would be somebody else's: Lithuania's codes have the form of Estonia's.

    Raises CallerError (`not_found`).
    """
    country, digits = code[:2], code[2:]
    lengths = (PERSON_LENGTHS.get(country), COMPANY_LENGTHS.get(country))
    if not (digits.isascii() and digits.isdigit() and len(digits) in lengths):
        raise CallerError("no code that a register here could know", code="not_found")
    return digits
