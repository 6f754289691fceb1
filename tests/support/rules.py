"""Situations and packages for the tests of rules."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import sild
from sild.rules import RulePackage, load_packages, parse_package

PACKS = Path(sild.__file__).parent / "packs"
PACKAGES = {package.name: package for package in load_packages(PACKS).values()}
FAMILY, VIETNAMESE = PACKAGES["ee-family-benefits"], PACKAGES["vn-birth-benefits"]
AT = date(2026, 4, 1)

SMALL = """
name: small
version: 1.0.0
country: EE
title: {et: väike, vi: nhỏ, en: small}
legal_basis: []
entities:
  person: {plural: persons}
  household: {plural: households, roles: {adult: 2, child: null}}
facts:
  pay: {entity: person, type: money, currency: EUR, period: month, concept: person.pay, holder: social, may_change: true, minimum: "0",
        label: {et: palk, vi: lương, en: pay}}
  works: {entity: person, type: bool, concept: person.work, holder: social, may_change: true, label: {et: t, vi: t, en: works}}
  disabled: {entity: person, type: bool, concept: person.disability, holder: health, label: {et: p, vi: p, en: disabled}}
outputs: {}
"""


def small_package(outputs: str, variables: str, **more: str) -> RulePackage:
    """outputs: YAML, of `outputs`. more: text of other files by path."""
    files = {
        "package.yaml": SMALL.replace("outputs: {}", f"outputs:\n{outputs}"),
        "variables.py": variables,
        **more,
    }
    return parse_package({name: text.encode() for name, text in files.items()})


def months(first: str, pay: list[str]) -> dict[str, str]:
    """By month, from the first on."""
    count = int(first[:4]) * 12 + int(first[5:]) - 1
    return {f"{(count + n) // 12}-{(count + n) % 12 + 1:02d}": amount for n, amount in enumerate(pay)}


def family() -> dict[str, dict[str, dict[str, object]]]:
    """A child born on 15 March 2026, a mother with 1200 a month, a father of whom nothing is known, one older sibling."""
    return {
        "persons": {
            "child": {"born": {"ETERNITY": "2026-03-15"}},
            "mother": {"income": months("2024-06", ["1200.00"] * 12)},
            "father": {},
        },
        "families": {
            "family": {
                "child": ["child"],
                "mother": ["mother"],
                "father": ["father"],
                "older_siblings": {"ETERNITY": 1},
            }
        },
    }
