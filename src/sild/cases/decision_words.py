"""A decision record in a reader's words: outcome, reasons, facts with their source, what is not known, law, what would change it.

Pure. Names and labels come from the rule package the record names, then from decision_terms; what has none is shown by its own
name. A value that is sealed for this reader is said to be so. The same thing month by month is one line with its total, and has
the months as its parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from sild.cases.decision_terms import ITEMS, VALUES, WHO, YES_NO
from sild.i18n import country_name, format_day, format_money
from sild.rules import RulePackage

__all__ = ["DecisionLine", "UnknownLine", "Worded", "worded", "written"]

JSON = Any
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_MANY = 3
"""So many months of one thing are one line."""


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """name: the input or outcome item.  who: whose it is in the reader's words, `mother`; empty: the family's, or nobody's in particular.  kind: money, date, bool, int or text.

    value: None: not known, or sealed for this reader (`is_sealed`).  register, message_id, on: of a fact: who said so, in which
    message, and the day it was so or was fetched.  period: `2026-03`, or `2025-04/2026-03` of a line that has parts: then value is
    their sum, None where one of them is sealed.
    """

    name: str
    label: str
    who: str
    period: str
    kind: str
    value: JSON
    currency: str = ""
    is_sealed: bool = False
    register: str = ""
    message_id: str = ""
    on: str = ""
    asserted_by: str = ""
    parts: tuple[DecisionLine, ...] = ()


@dataclass(frozen=True, slots=True)
class UnknownLine:
    """count: for how many months or times it is not known.  asked_of: who should have it.

    why: what cannot be so, of a fact that was told and contradicts others, or itself; None: it is missing.
    """

    label: str
    who: str
    asked_of: str
    count: int
    blocking: bool
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Worded:
    """reasons: text and article.  law: instrument, article, address.  parameters: path, value, since, article.  may_change: what would have had to be otherwise, and how."""

    outcome: tuple[DecisionLine, ...]
    reasons: tuple[tuple[str, str], ...]
    facts: tuple[DecisionLine, ...]
    unknowns: tuple[UnknownLine, ...]
    law: tuple[Mapping[str, str], ...]
    parameters: tuple[Mapping[str, str], ...]
    may_change: tuple[DecisionLine, ...]


def worded(
    record: Mapping[str, JSON], values: Mapping[str, JSON], package: RulePackage | None, language: str
) -> Worded:
    """record: fields 1 to 12 in JSON, as registers give it.  values: of what is sealed, by reference. Raises KeyError, TypeError: no record."""
    names = _Names(package, language)
    return Worded(
        outcome=tuple(_outcome(record["outcome"]["items"], values, names)),
        reasons=tuple(
            (_text(one["text"], values, language), str(one["article"])) for one in record["reasons"]
        ),
        facts=_folded(_facts(record["inputs"], values, names)),
        unknowns=tuple(_unknowns(record["unknowns"], names)),
        law=tuple({name: str(one[name]) for name in ("instrument", "article", "uri")} for one in record["legal_basis"]),
        parameters=tuple(
            {name: str(one[name]) for name in ("path", "value", "valid_from", "article")}
            for one in record["parameters"]
        ),
        may_change=tuple(_changes(record["counterfactual"], values, names)),
    )  # fmt: skip


def _opened(held: JSON, values: Mapping[str, JSON]) -> tuple[JSON, bool]:
    """The value, and whether it is sealed for this reader."""
    if isinstance(held, dict) and set(held) == {"sealed", "sha256"}:
        return (values[held["sealed"]], False) if held["sealed"] in values else (None, True)
    return held, False


@dataclass(frozen=True, slots=True)
class _Names:
    package: RulePackage | None
    language: str

    def spec(self, variable: str) -> Any:  # FactSpec, OutputSpec or None
        if self.package is None:
            return None
        return self.package.facts.get(variable) or self.package.outputs.get(variable)

    def label(self, variable: str) -> str:
        spec = self.spec(variable)
        label = None if spec is None else spec.label.get(self.language) or spec.label.get("en")
        found = str(label or ITEMS.get(variable, {}).get(self.language) or variable.replace("_", " "))
        return found[:1].upper() + found[1:]

    def who(self, instance: str) -> str:
        """Of a group of people there is one: nobody has to be told apart."""
        groups = () if self.package is None else self.package.entities
        if instance in groups and instance != "person":
            return ""
        role, _, number = instance.rpartition("-")
        if number.isdigit() and role in WHO:  # of several: `mover-2`
            return f"{WHO[role].get(self.language, role)} {number}"
        return WHO.get(instance, {}).get(self.language, instance)

    def why(self, code: str | None) -> str | None:
        """Of a contradiction."""
        rule = None if self.package is None or code is None else self.package.contradiction(code)
        if rule is None:
            return code and code.replace("_", " ")
        texts = {str(tag): text for tag, text in rule.label.items()}
        return texts.get(self.language) or texts.get("en", rule.code)

    def value(self, variable: str, value: JSON) -> JSON:
        """A code in words: a choice, a country, a state of things."""
        if not isinstance(value, str):
            return value
        if variable.endswith("country"):
            return country_name(value, self.language)
        return VALUES.get(variable, {}).get(value, {}).get(self.language, value)


def _outcome(items: Iterable[JSON], values: Mapping[str, JSON], names: _Names) -> Iterable[DecisionLine]:
    for one in items:
        instance, _, rest = one["name"].partition("/")
        variable, _, period = rest.partition("/")
        if not rest:
            instance, variable = "", one["name"]
        value, is_sealed = _opened(one["value"], values)
        yield DecisionLine(
            one["name"],
            names.label(variable),
            names.who(instance),
            _period(period),
            one["type"],
            names.value(variable, value),
            one.get("currency") or "",
            is_sealed,
        )


def _facts(inputs: Iterable[JSON], values: Mapping[str, JSON], names: _Names) -> Iterable[DecisionLine]:
    for one in inputs:
        parts = one["name"].split("/")
        if one["type"] == "role" or len(parts) < 3:
            continue
        value, is_sealed = _opened(one["value"], values)
        spec = names.spec(parts[2])
        yield DecisionLine(
            one["name"],
            names.label(parts[2]),
            names.who(parts[1]),
            _period(parts[3] if len(parts) > 3 else ""),
            one["type"],
            names.value(parts[2], value),
            getattr(spec, "currency", None) or "",
            is_sealed,
            register=_register_of(one.get("register") or ""),
            message_id=one.get("message_id") or "",
            on=(one.get("valid_at") or one.get("fetched_at") or "")[:10],
            asserted_by=one.get("asserted_by") or "register",
        )


def _folded(lines: Iterable[DecisionLine]) -> tuple[DecisionLine, ...]:
    """An amount for each of many months is one line, where the first of them stood."""
    series: dict[tuple[str, ...], list[DecisionLine]] = {}
    for one in lines:
        of = (one.label, one.who, one.currency, one.register, one.asserted_by)
        monthly = one.kind == "money" and _MONTH.fullmatch(one.period)
        series.setdefault(of if monthly else (*of, one.name), []).append(one)
    return tuple(
        line for found in series.values() for line in (found if len(found) < _MANY else [_sum(found)])
    )


def _sum(months: list[DecisionLine]) -> DecisionLine:
    months = sorted(months, key=lambda one: one.period)
    last = months[-1]
    total: str | None = None
    if all(one.value is not None for one in months):
        try:
            total = str(sum(Decimal(str(one.value)) for one in months))
        except InvalidOperation:
            total = None
    return replace(
        last,
        period=f"{months[0].period}/{last.period}",
        value=total,
        is_sealed=any(one.is_sealed for one in months),
        message_id=last.message_id if len({one.message_id for one in months}) == 1 else "",
        on=last.on if len({one.on for one in months}) == 1 else "",
        parts=tuple(months),
    )


def written(line: DecisionLine, language: str) -> str:
    """The value as a reader of the language has it: `€1,200.00`, `3 March 2026`, `?` for what is not known."""
    if line.value is None:
        return "—" if line.is_sealed else "?"
    if isinstance(line.value, bool):
        return YES_NO[line.value].get(language, str(line.value))
    try:
        if line.kind == "date":
            return format_day(date.fromisoformat(str(line.value)), language)
        if line.kind == "money" and line.currency:
            return format_money(str(line.value), line.currency, language)
    except ValueError:
        pass  # not what its kind says: as it is
    return str(line.value)


def _unknowns(unknowns: Iterable[JSON], names: _Names) -> Iterable[UnknownLine]:
    """Twelve months of one thing are one line."""
    groups: dict[tuple[str, str, str, bool, str | None], int] = {}
    for one in unknowns:
        instance, _, rest = one["name"].rpartition("/")[0].rpartition("/")
        who = instance.rpartition("/")[2]
        key = (rest or one["name"], who, one["asked_of"], bool(one["blocking"]), one.get("why"))
        groups[key] = groups.get(key, 0) + 1
    for (variable, instance, asked_of, blocking, why), count in groups.items():
        label, who = names.label(variable), names.who(instance)
        yield UnknownLine(label, who, asked_of, count, blocking, names.why(why))


def _changes(changes: Iterable[JSON], values: Mapping[str, JSON], names: _Names) -> Iterable[DecisionLine]:
    for one in changes:
        instance, variable, period = [*one["input"].split("/"), "", ""][:3]
        value, is_sealed = _opened(one["needed"], values)
        spec = names.spec(variable)
        yield DecisionLine(
            one["input"],
            names.label(variable),
            names.who(instance),
            _period(period),
            getattr(spec, "type", "text"),
            names.value(variable, value),
            getattr(spec, "currency", None) or "",
            is_sealed,
        )


def _register_of(said: str) -> str:
    """`SILD:GOV:70000002:population:population` and `/SILD/GOV/70000002/population` as `GOV/70000002/population`."""
    parts = [part for part in said.replace(":", "/").split("/") if part]
    return "/".join(parts[1:4]) if len(parts) >= 4 else said


def _period(period: str) -> str:
    return period if _MONTH.fullmatch(period) or period.isdigit() else ""


def _text(texts: Mapping[str, JSON], values: Mapping[str, JSON], language: str) -> str:
    held = texts.get(language, texts.get("en", next(iter(texts.values()), "")))
    value, is_sealed = _opened(held, values)
    return "" if is_sealed else str(value)
