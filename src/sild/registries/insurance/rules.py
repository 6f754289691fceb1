"""The facts that somebody is covered and has a card, the grounds on which the fund asks, and the numbers of its cards. Who is covered is in the rule packages. Pure."""

from __future__ import annotations

from sild.registries.identity_codes import Country

__all__ = ["CARD", "COVER", "card_number", "ground"]

COVER = "insurance_cover"
CARD = "insurance_card"
GROUNDS: dict[Country, str] = {"EE": "RaKS § 5", "VN": "Luật BHYT 2008, Điều 12"}


def ground(country: Country) -> str:
    """The legal ground on which the fund asks other registers."""
    return GROUNDS[country]


def card_number(country: Country, serial: int) -> str:
    """EE: 20 digits, the issuer's 80233 in front, as on the European card.  VN: 15 characters, `TE1` for children under six."""
    if country == "EE":
        return f"80233{serial:015d}"
    return f"TE101{serial:010d}"
