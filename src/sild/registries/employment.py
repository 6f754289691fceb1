"""Who of the synthetic people works, and for how much: the registers of insurance and contributions begin with the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256

from sild.registries.identity_codes import Country

__all__ = ["AS_OF", "Employment", "employment"]

AS_OF = date(2026, 1, 1)
MEDIAN: dict[Country, tuple[int, str, int]] = {"EE": (1_900, "EUR", 1), "VN": (9_000_000, "VND", 1_000)}
"""Pay of the middle, its currency and the step it is rounded to."""
PENSION_AGE = {"EE": 65, "VN": 61}


@dataclass(frozen=True, slots=True)
class Employment:
    """monthly: gross pay.  months: before `AS_OF`, for which it was paid; 0: does not work, and said so.  declared: is it known?"""

    monthly: Decimal
    currency: str
    months: int
    employer: str
    declared: bool


def employment(code: str, country: Country, born: date) -> Employment | None:
    """None for children and the old. The same for the same code."""
    age = (AS_OF - born).days // 365
    if not 18 <= age < PENSION_AGE[country]:
        return None
    dice = sha256(f"work/{code}".encode()).digest()
    median, currency, step = MEDIAN[country]
    amount = median * (55 + dice[0] * 120 // 255) // 100 // step * step
    works, declared = dice[1] < 205, dice[1] < 245  # 80 % work, 16 % do not, of 4 % nobody here knows
    months = 12 + dice[2] % 13 if works else 0
    employer = str(10_000_000 + dice[3] * 37 % 500)
    return Employment(Decimal(amount), currency, months, employer, declared)
