"""A situation, in OpenFisca's /calculate form, as columns: one row for each instance.

{"persons": {"anna": {"income": {"2025-01": "1200.00"}}}, "families": {"f": {"mother": ["anna"], "siblings": {"ETERNITY": 1}}}}

Money is a decimal string or a whole number, a date or an instant ISO 8601; None, and what is not there, is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import cast

import numpy as np
from numpy.typing import NDArray

from sild.errors import CallerError
from sild.rules.columns import Array, Column, Mask
from sild.rules.evaluation import Situation, ValueJSON
from sild.rules.package import FactSpec, OutputSpec, RulePackage, decimal_text, minor_units

__all__ = ["DTYPES", "Group", "Population", "parse_situation", "period_text"]

DTYPES: Mapping[str, str] = {
    "money": "int64",
    "int": "int64",
    "bool": "bool",
    "date": "datetime64[D]",
    "instant": "int64",
    "text": "U",
}
"""Of a column, by type of variable. money: minor units.  instant: microseconds since 1970, UTC."""

_PERIODS = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Group:
    """of: the row of the group, by row of person.  roles: the name of the role there, by row of person."""

    of: NDArray[np.int64]
    roles: Array


@dataclass(frozen=True, slots=True)
class Population:
    """counts, ids: by entity.  columns: facts by (variable, period). ids are needed for a trace only."""

    counts: Mapping[str, int]
    groups: Mapping[str, Group]
    columns: Mapping[tuple[str, str], Column]
    ids: Mapping[str, Sequence[str]]


def parse_situation(package: RulePackage, situation: Situation) -> Population:
    """Raises CallerError (invalid_situation), which names the place and never the value."""
    by_plural = {spec.plural: name for name, spec in package.entities.items()}
    if strange := situation.keys() - by_plural.keys():
        raise _bad(f"no such entities: {sorted(strange)}")
    said = {name: situation.get(spec.plural) or {} for name, spec in package.entities.items()}
    if not all(isinstance(instances, Mapping) for instances in said.values()):
        raise _bad("instances go by name")
    if not all(isinstance(values, Mapping) for instances in said.values() for values in instances.values()):
        raise _bad("an instance is an object")
    ids = {name: tuple(instances) for name, instances in said.items()}
    if not ids[package.person]:
        raise _bad("there is nobody")
    if len({each for name in ids for each in ids[name]}) != sum(map(len, ids.values())):
        raise _bad("two instances have one name")
    groups = {
        name: _group(package, name, instances, ids[package.person])
        for name, instances in said.items()
        if name != package.person
    }
    columns: dict[tuple[str, str], Column] = {}
    for entity, instances in said.items():
        roles = package.entities[entity].roles or {}
        for row, (instance, values) in enumerate(instances.items()):
            for variable, by_period in values.items():
                if variable not in roles:
                    _facts(package, entity, instance, variable, by_period, row, len(instances), columns)
    for key, column in columns.items():
        if column.values.dtype == object:
            columns[key] = Column(column.values.astype("U"), column.unknown)
    return Population({name: len(of) for name, of in ids.items()}, groups, columns, ids)


def period_text(kind: str, text: str) -> str:
    """As OpenFisca writes it; `ETERNITY`, `2025`, `2025-01`, `2025-01-31`.  Raises CallerError (invalid_situation)."""
    if kind == "eternity":
        if text.upper() != "ETERNITY":
            raise _bad("a period where there is none")
        return "ETERNITY"
    form = _PERIODS[kind]
    try:
        if datetime.strptime(text, form).strftime(form) == text:  # noqa: DTZ007  # a period, no moment
            return text
    except ValueError:
        pass
    raise _bad(f"not a {kind}")


def read_value(spec: FactSpec | OutputSpec, value: object) -> int | bool | str | date:
    """As columns hold it.  Raises ValueError, CallerError (invalid_amount)."""
    if spec.type == "money" and isinstance(value, str | int) and not isinstance(value, bool):
        return minor_units(value, spec.currency or "")
    if spec.type == "int" and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return value
    if spec.type == "bool" and isinstance(value, bool):
        return value
    if spec.type == "text" and isinstance(value, str):
        allowed = spec.values if isinstance(spec, FactSpec) else None
        if allowed is not None and value not in allowed:
            raise ValueError("not one of the values that there are")
        return value
    if spec.type == "date" and isinstance(value, str):
        return date.fromisoformat(value)
    if spec.type == "instant" and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("an instant without a time zone")
        span = moment - _EPOCH
        return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
    raise ValueError(f"not of type {spec.type}")


def shown(spec: FactSpec | OutputSpec | None, value: np.generic) -> ValueJSON:
    """What `read_value` reads."""
    if spec is not None and spec.type == "money":
        return decimal_text(int(value), spec.currency or "")
    if spec is not None and spec.type == "instant":
        return (_EPOCH + timedelta(microseconds=int(value))).isoformat()
    if isinstance(value, np.datetime64):
        return str(value)
    plain: ValueJSON = value.item()
    return plain


def _facts(
    package: RulePackage,
    entity: str,
    instance: str,
    variable: str,
    by_period: object,
    row: int,
    count: int,
    columns: dict[tuple[str, str], Column],
) -> None:
    spec = package.facts.get(variable)
    if spec is None or spec.entity != entity:
        raise _bad(f"{instance}: no fact of a {entity} is called {variable}")
    if not isinstance(by_period, Mapping):
        raise _bad(f"{instance}/{variable}: values go by period")
    for period, value in by_period.items():
        key = (variable, period_text(spec.period, str(period)))
        if value is None:
            continue
        try:
            held = read_value(spec, value)
            outside = _outside(spec, held)
        except (ValueError, CallerError):
            raise _bad(f"{instance}/{variable}@{period}: not of type {spec.type}") from None
        if outside:
            raise _bad(f"{instance}/{variable}@{period}: outside its bounds")
        column = columns.get(key)
        if column is None:
            empty = np.full(count, "", object) if spec.type == "text" else np.zeros(count, DTYPES[spec.type])
            column = columns[key] = Column(empty, np.ones(count, np.bool_))
        column.values[row] = held
        cast(Mask, column.unknown)[row] = False


def _outside(spec: FactSpec, held: int | bool | str | date) -> bool:
    """Bounds are those of numbers."""
    if not isinstance(held, int):
        return False
    bounds = ((spec.minimum, -1), (spec.maximum, 1))
    return any(
        bound is not None and (held - int(read_value(spec, bound))) * sign > 0  # type: ignore[arg-type]  # of a number
        for bound, sign in bounds
    )


def _group(
    package: RulePackage, name: str, instances: Mapping[str, Mapping[str, object]], persons: Sequence[str]
) -> Group:
    rows = {person: row for row, person in enumerate(persons)}
    of, roles = np.full(len(persons), -1, np.int64), np.full(len(persons), "", object)
    for number, (instance, values) in enumerate(instances.items()):
        for role, most in (package.entities[name].roles or {}).items():
            named = values.get(role) or []
            members = [named] if isinstance(named, str) else named
            if not isinstance(members, list | tuple) or (most is not None and len(members) > most):
                raise _bad(f"{instance}/{role}: a list of at most {most} persons")
            for member in members:
                row = rows.get(member, -1) if isinstance(member, str) else -1
                if row < 0 or of[row] >= 0:
                    raise _bad(f"{instance}/{role}: names nobody, or somebody who has a place already")
                of[row], roles[row] = number, role
    if (of < 0).any():
        raise _bad(f"every person needs a place in one of the {package.entities[name].plural}")
    return Group(of, roles.astype("U"))


def _bad(message: str) -> CallerError:
    return CallerError(message, code="invalid_situation")
