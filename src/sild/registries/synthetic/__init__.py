"""Synthetic people of two countries, their families and their homes: the same ones in every register, made anew every time.

synthetic_people(4_000)       # about so many, half of each country; parents before children
synthetic_homes(people)       # the dwellings they live in and some that are empty, with owners
synthetic_leases(people, homes)   # what landlords lease out
synthetic_companies(people)   # companies, the landlords of some of these dwellings among them, with boards of these people

Nobody here exists; a code that belongs to a living person does so by chance. Pure. Called by the registers, which are
information systems of their own and yet must be about the same people in a demonstration.

people.py  families over four generations        homes.py  dwellings and owners        leases.py  who rents        companies.py  companies and boards        names.py, places.py  what they are made of
"""

from __future__ import annotations

from sild.registries.synthetic.companies import SyntheticCompany, synthetic_companies
from sild.registries.synthetic.homes import Owner, SyntheticHome, synthetic_homes
from sild.registries.synthetic.leases import SyntheticLease, synthetic_leases
from sild.registries.synthetic.people import AS_OF, SyntheticPerson, synthetic_people

__all__ = [
    "AS_OF",
    "Owner",
    "SyntheticCompany",
    "SyntheticHome",
    "SyntheticLease",
    "SyntheticPerson",
    "synthetic_companies",
    "synthetic_homes",
    "synthetic_leases",
    "synthetic_people",
]
