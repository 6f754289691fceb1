"""Bank accounts as people write them. Pure."""

from __future__ import annotations

import re

from sild.errors import CallerError
from sild.registries.identity_codes import Country

__all__ = ["parse_account"]

_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_VIETNAMESE = re.compile(r"\d{6}-?\d{6,19}")  # the bank's number (BIN) and the account, as in VietQR


def parse_account(text: str, country: Country) -> str:
    """EE: an IBAN (ISO 13616), its check digits right.  VN: the bank's six digits and the account.

    Raises CallerError (`invalid_account`); the message does not repeat the account.
    """
    plain = re.sub(r"\s", "", text).upper()
    if country == "VN" and _VIETNAMESE.fullmatch(plain):
        digits = plain.replace("-", "")
        return f"{digits[:6]}-{digits[6:]}"
    if _IBAN.fullmatch(plain):
        number = "".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])
        if int(number) % 97 == 1 and (not plain.startswith("EE") or len(plain) == 20):
            return plain
    raise CallerError("this is no bank account", code="invalid_account")
