"""A decision record in a reader's words: outcome, reasons, facts with their source, what is not known, law, what would change it.

Pure. Names and labels come from the rule package the record names; what has none is shown by its own name. A value that is sealed
for this reader is said to be so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sild.rules import RulePackage

__all__ = ["DecisionLine", "UnknownLine", "Worded", "worded"]

JSON = Any
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """name: the input or outcome item.  who: role or instance, `mother`; empty: the family or nobody in particular.  kind: money, date, bool, int or text.

    value: None: not known, or sealed for this reader (`is_sealed`).  register, message_id, on: of a fact: who said so, in which
    message, and the day it was so or was fetched.
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


@dataclass(frozen=True, slots=True)
class UnknownLine:
    """count: for how many months or times it is not known.  asked_of: who should have it."""

    label: str
    who: str
    asked_of: str
    count: int
    blocking: bool


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
        facts=tuple(_facts(record["inputs"], values, names)),
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
        found = str(label or variable.replace("_", " "))
        return found[:1].upper() + found[1:]

    def who(self, instance: str) -> str:
        """Of a group of people there is one: nobody has to be told apart."""
        groups = () if self.package is None else self.package.entities
        return "" if instance in groups and instance != "person" else instance


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
            value,
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
            value,
            getattr(spec, "currency", None) or "",
            is_sealed,
            register=_register_of(one.get("register") or ""),
            message_id=one.get("message_id") or "",
            on=(one.get("valid_at") or one.get("fetched_at") or "")[:10],
            asserted_by=one.get("asserted_by") or "register",
        )


def _unknowns(unknowns: Iterable[JSON], names: _Names) -> Iterable[UnknownLine]:
    """Twelve months of one thing are one line."""
    groups: dict[tuple[str, str, str, bool], int] = {}
    for one in unknowns:
        instance, _, rest = one["name"].rpartition("/")[0].rpartition("/")
        key = (rest or one["name"], instance.rpartition("/")[2], one["asked_of"], bool(one["blocking"]))
        groups[key] = groups.get(key, 0) + 1
    for (variable, instance, asked_of, blocking), count in groups.items():
        yield UnknownLine(names.label(variable), names.who(instance), asked_of, count, blocking)


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
            value,
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
