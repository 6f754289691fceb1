"""Codes of people and companies: registers write their own country's without it, log-ins and messages with it in front."""

from __future__ import annotations

from dataclasses import replace

from sild.cases.actor import AUTOMATIC, Actor
from sild.openid import COMPANY_LENGTHS, register_code

__all__ = ["as_known", "is_company", "plain", "register_code", "with_country"]


def is_company(code: str) -> bool:
    """By its form alone, with a country in front or without: `EE10001012`, `0100001014`."""
    country, digits = (code[:2], code[2:]) if code[:2].isalpha() else ("", code)
    lengths = COMPANY_LENGTHS.values() if not country else (COMPANY_LENGTHS.get(country),)
    return digits.isascii() and digits.isdigit() and len(digits) in lengths


def plain(code: str, country: str) -> str:
    """`EE38001085718` -> `38001085718` in Estonia; another country's stays as it is."""
    return code[2:] if code.startswith(country) and code[2:3].isdigit() else code


def with_country(code: str, country: str) -> str:
    return f"{country}{code}" if code[:1].isdigit() else code


def as_known(actor: Actor, country: str) -> Actor:
    """The actor with codes as cases keep them."""
    if actor.person == AUTOMATIC:
        return actor
    representee = plain(actor.representee, country) if actor.representee else None
    return replace(actor, person=plain(actor.person, country), representee=representee)
