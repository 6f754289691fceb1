"""Bank accounts as people write them. Pure."""

from __future__ import annotations

import re

from stdnum import iban
from stdnum.exceptions import ValidationError

from sild.errors import CallerError
from sild.registries.identity_codes import Country

__all__ = ["MINOR_DIGITS", "country_of_account", "parse_account"]

MINOR_DIGITS = {"EUR": 2, "VND": 0}
"""Decimal places of a currency in use (ISO 4217; the đồng has no smaller unit)."""

_VIETNAMESE = re.compile(r"[0-9]{6}-?[0-9]{6,19}")  # the bank's number (BIN) and the account, as in VietQR


def parse_account(text: str, country: Country) -> str:
    """EE: an IBAN (ISO 13616), its length and check digits right for its country.  VN: the bank's six digits and the account.

    Raises CallerError (`invalid_account`); the message does not repeat the account.
    """
    plain = re.sub(r"\s", "", text).upper()
    if country == "VN" and _VIETNAMESE.fullmatch(plain):
        digits = plain.replace("-", "")
        return f"{digits[:6]}-{digits[6:]}"
    try:
        if plain.isascii():
            return iban.validate(plain)
    except ValidationError:
        pass
    raise CallerError("this is no bank account", code="invalid_account")


def country_of_account(account: str) -> Country:
    """Of one as `parse_account` writes it: whose payment system reaches it. An IBAN is paid to in euros."""
    return "VN" if account[:1].isdigit() else "EE"
