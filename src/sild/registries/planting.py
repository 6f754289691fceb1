"""A canary in a register: a person who never lived, and a mark beside, so that whoever takes data out takes them, too.

What stands there is marked by its ground (`canary`) for whoever keeps the register; to anybody else it looks like the rest. Nothing is
decided about them, nobody is told, and no use is recorded: the keeper of the register plants them, not somebody who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import insert, select

from sild.i18n import folded
from sild.registries.acting import HasKernel
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Provenance
from sild.registries.population.register import PopulationRegister
from sild.registries.population.tables import persons

__all__ = ["CANARY_BASIS", "plant"]

CANARY_BASIS = "canary"


def plant(register: HasKernel, person: str, said: Mapping[str, str]) -> bool:
    """person: an identity code that nobody alive can have.  said: name of a fact -> its value. False: they stand there already.

    Of the population register the person can be looked for, too, by name and code. Blocks. Raises InvalidIdentityCode.
    """
    code = parse_identity_code(person)
    born = code.born or date(code.birth_year, 1, 1)
    kernel = register.kernel
    provenance = Provenance(kernel.system.strip("/"), CANARY_BASIS)
    if isinstance(register, PopulationRegister):
        said = {**said, "sex": code.sex, "born": born.isoformat()}
    with kernel.filling() as facts:
        if all(facts.value(person, name, on=kernel.today) == value for name, value in said.items()):
            return False
        for name, value in said.items():
            facts.record(person, name, value, valid_from=born, provenance=provenance)
    if isinstance(register, PopulationRegister):
        _make_findable(register, person, code.country, f"{said['family_name']} {said['given_names']}", born)
    return True


def _make_findable(register: PopulationRegister, person: str, country: str, name: str, born: date) -> None:
    with register.kernel.engine.begin() as connection:
        if connection.scalar(select(persons.c.code).where(persons.c.code == person)) is None:
            row = {"code": person, "country": country, "search_name": folded(name), "born": born}
            connection.execute(insert(persons).values(row))
