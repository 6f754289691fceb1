"""A rule package: files by path, read once, addressed by what they say.

package.yaml      name, version, titles, law, entities, facts, outputs, choices, reasons
variables.py      how outputs follow from facts: OpenFisca's variables (run by guard.py, in a sandbox; here it is text)
parameters/*.yaml OpenFisca's format: dated values, each with the article it stands in
reasons/*.toml    a text for each reason, by language        tests/*.yaml   OpenFisca's test format

The hash is over the list of paths and hashes of files (RFC 8785): one bit anywhere is another package.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

import yaml
from babel.numbers import get_currency_precision
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sild.errors import CallerError
from sild.rules.canonical import sha256_of

__all__ = [
    "ChoiceSpec",
    "Contradiction",
    "EntitySpec",
    "FactSpec",
    "ItemSpec",
    "LegalBasis",
    "OutputSpec",
    "ParameterValue",
    "ReasonSpec",
    "Rounding",
    "RulePackage",
    "Text",
    "decimal_text",
    "digits_of",
    "load_package",
    "load_packages",
    "minor_units",
    "parse_package",
    "shipped_packages",
]

Language = Literal["et", "vi", "en"]
Text = Mapping[Language, str]
ValueType = Literal["money", "int", "bool", "date", "instant", "text"]
PeriodKind = Literal["eternity", "year", "month", "day"]
Quoted = Annotated[str, BeforeValidator(lambda v: v.isoformat() if isinstance(v, date) else str(v))]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LegalBasis(_Part):
    """version_date: of the consolidated text.  uri: an ELI, or the number of a Vietnamese act as a URN."""

    instrument: str
    article: str
    version_date: Quoted
    uri: str


class EntitySpec(_Part):
    """roles: of a group, how many persons at most may have each; None is any number. A person has no roles."""

    plural: str
    roles: Mapping[str, int | None] | None = None


class FactSpec(_Part):
    """What a register holds. concept: its name there.  holder: the kind of body that has it.  data_class: how it may travel.

    may_change: could it lawfully be another way? Counterfactuals search no others.  values: of a text, all that there are.
    """

    entity: str
    type: ValueType
    period: PeriodKind = "eternity"
    currency: str | None = None
    concept: str
    holder: str
    data_class: str = Field(default="personal", alias="class")
    minimum: str | int | None = None
    maximum: str | int | None = None
    values: tuple[str, ...] | None = None
    may_change: bool = False
    label: Text


class Rounding(_Part):
    """step: in units of the currency.  mode: what becomes of what is between two steps."""

    step: str
    mode: Literal["half_up", "half_even", "down", "up"] = "half_up"
    article: str


class OutputSpec(_Part):
    entity: str
    type: ValueType
    period: PeriodKind = "eternity"
    currency: str | None = None
    rounding: Rounding | None = None
    label: Text


class ItemSpec(_Part):
    """One benefit of a choice. amount, valid_from, valid_to: outputs. receiver: a role, whose `amount` it is if that is a person's.

    basis: the article; `{law}` stands for the articles of the sums of money in the law that the amount was made from.
    """

    benefit: str
    receiver: str
    per: Literal["once", "month"]
    amount: str
    valid_from: str
    valid_to: str | None = None
    basis: str


class ChoiceSpec(_Part):
    """One lawful way. when, unless: an output (bool) that must hold, or must not."""

    id: str
    when: str | None = None
    unless: str | None = None
    items: tuple[ItemSpec, ...]


class ReasonSpec(_Part):
    """A text of reasons/*.toml, given when `output` is known (and equals, if said so) or is unknown."""

    code: str
    output: str
    article: str
    when: Literal["known", "unknown"] = "known"
    equals: str | int | bool | None = None


class Contradiction(_Part):
    """check: a variable that is true where facts cannot be together. Then those count as unknown."""

    code: str
    check: str
    facts: tuple[str, ...]
    label: Text


class _Head(_Part):
    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    country: str
    title: Text
    legal_basis: tuple[LegalBasis, ...]
    entities: Mapping[str, EntitySpec]
    facts: Mapping[str, FactSpec]
    outputs: Mapping[str, OutputSpec]
    choices: tuple[ChoiceSpec, ...] = ()
    reasons: tuple[ReasonSpec, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    model_inputs: Mapping[str, Literal["unknown"]] = {}


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """value: as written. unit: a currency, `/1` for a rate, `text`, or what is counted.  article: where it stands."""

    path: str
    value: str | int
    valid_from: date
    article: str
    unit: str


@dataclass(frozen=True, slots=True)
class RulePackage:
    """files: as they were hashed. parameters: by path, the earliest value first."""

    head: _Head
    sha256: str
    files: Mapping[str, bytes] = field(repr=False)
    parameters: Mapping[str, tuple[ParameterValue, ...]] = field(repr=False)
    texts: Mapping[str, Mapping[str, str]] = field(repr=False)

    @property
    def name(self) -> str:
        return self.head.name

    @property
    def version(self) -> str:
        return self.head.version

    @property
    def country(self) -> str:
        return self.head.country

    @property
    def title(self) -> Text:
        return self.head.title

    @property
    def legal_basis(self) -> tuple[LegalBasis, ...]:
        return self.head.legal_basis

    @property
    def entities(self) -> Mapping[str, EntitySpec]:
        return self.head.entities

    @property
    def facts(self) -> Mapping[str, FactSpec]:
        return self.head.facts

    @property
    def outputs(self) -> Mapping[str, OutputSpec]:
        return self.head.outputs

    @property
    def choices(self) -> tuple[ChoiceSpec, ...]:
        return self.head.choices

    @property
    def reasons(self) -> tuple[ReasonSpec, ...]:
        return self.head.reasons

    @property
    def contradictions(self) -> tuple[Contradiction, ...]:
        return self.head.contradictions

    def contradiction(self, code: str) -> Contradiction | None:
        return next((one for one in self.contradictions if one.code == code), None)

    @property
    def model_inputs(self) -> Mapping[str, str]:
        """Facts that a model may have given, and what stands for one that is absent. Others may come from no model."""
        return self.head.model_inputs

    @property
    def person(self) -> str:
        """The entity that is no group."""
        return next(name for name, spec in self.entities.items() if spec.roles is None)

    def spec(self, variable: str) -> FactSpec | OutputSpec | None:
        return self.facts.get(variable) or self.outputs.get(variable)


def parse_package(files: Mapping[str, bytes]) -> RulePackage:
    """files: by path inside the package, `/` between parts.  Raises CallerError (invalid_package)."""
    try:
        head = _Head.model_validate(yaml.safe_load(files["package.yaml"]))
        files["variables.py"].decode()
        parameters: dict[str, tuple[ParameterValue, ...]] = {}
        for value in _parameters(files):
            parameters[value.path] = (*parameters.get(value.path, ()), value)
        texts = {
            path.removeprefix("reasons/").removesuffix(".toml"): tomllib.loads(content.decode())
            for path, content in files.items()
            if path.startswith("reasons/") and path.endswith(".toml")
        }
    except KeyError as error:
        raise CallerError(f"the package has no {error}", code="invalid_package") from None
    except (ValueError, TypeError, ArithmeticError, AttributeError, yaml.YAMLError) as error:
        raise CallerError(f"the package cannot be read: {error}", code="invalid_package") from None
    package = RulePackage(
        head=head,
        sha256=sha256_of({path: hashlib.sha256(content).hexdigest() for path, content in files.items()}),
        files=dict(files),
        parameters=parameters,
        texts=texts,
    )
    _check(package)
    return package


def load_package(directory: Path) -> RulePackage:
    """Raises CallerError (invalid_package)."""
    return parse_package(
        {
            path.relative_to(directory).as_posix(): path.read_bytes()
            for path in sorted(directory.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }
    )


def load_packages(directory: Path) -> dict[str, RulePackage]:
    """All in `directory/*/rules/NAME/VERSION`, by hash.  Raises CallerError (invalid_package)."""
    found = (load_package(path.parent) for path in sorted(directory.glob("*/rules/*/*/package.yaml")))
    return {package.sha256: package for package in found}


@cache
def shipped_packages() -> Mapping[str, RulePackage]:
    """Those of Sild's own packs, by hash; read once."""
    with resources.as_file(resources.files("sild") / "packs") as directory:
        return MappingProxyType(load_packages(directory))


def _parameters(files: Mapping[str, bytes]) -> Iterator[ParameterValue]:
    for path in sorted(files):
        if path.startswith("parameters/") and path.endswith(".yaml"):
            prefix = path.removeprefix("parameters/").removesuffix(".yaml").replace("/", ".")
            yield from _of_node(prefix, yaml.safe_load(files[path]))


def _of_node(path: str, node: object) -> Iterator[ParameterValue]:
    if not isinstance(node, dict):
        raise ValueError(f"parameter {path}: not a mapping")
    if "values" not in node:
        for name, child in node.items():
            if name not in ("description", "metadata"):
                yield from _of_node(f"{path}.{name}", child)
        return
    unit = node.get("metadata", {}).get("unit", "")
    for since, said in sorted(node["values"].items(), key=lambda item: str(item[0])):
        article = said.get("metadata", {}).get("reference")
        value = said.get("value")
        if not article or isinstance(value, float) or not isinstance(value, str | int):
            raise ValueError(
                f"parameter {path}, {since}: a value (no float) and its metadata.reference are needed"
            )
        if is_currency(unit) or unit == "/1":
            Decimal(value)
        yield ParameterValue(path, value, date.fromisoformat(str(since)), str(article), unit)


def _check(package: RulePackage) -> None:
    """What the parts say of one another."""
    defects = [*_defects(package)]
    if defects:
        raise CallerError(f"{package.name}: {'; '.join(defects)}", code="invalid_package")


def _defects(package: RulePackage) -> Iterator[str]:
    if sum(spec.roles is None for spec in package.entities.values()) != 1:
        yield "exactly one entity is the person, without roles"
    if both := package.facts.keys() & package.outputs.keys():
        yield f"both fact and output: {sorted(both)}"
    specs: dict[str, FactSpec | OutputSpec] = {**package.facts, **package.outputs}
    for name, spec in specs.items():
        if spec.entity not in package.entities:
            yield f"{name}: no entity {spec.entity}"
        if (spec.type == "money") != (spec.currency is not None):
            yield f"{name}: money, and nothing else, has a currency"
    for choice in package.choices:
        named = {choice.when, choice.unless} - {None}
        named |= {i for item in choice.items for i in (item.amount, item.valid_from, item.valid_to) if i}
        if missing := named - package.outputs.keys():
            yield f"choice {choice.id}: no output {sorted(str(m) for m in missing)}"
    for reason in package.reasons:
        if reason.output not in package.outputs:
            yield f"reason {reason.code}: no output {reason.output}"
        for language in ("et", "vi", "en"):
            if reason.code not in package.texts.get(language, {}):
                yield f"reason {reason.code}: no text in {language}"
    if other := package.model_inputs.keys() - package.facts.keys():
        yield f"model_inputs: no fact {sorted(other)}"
    for contradiction in package.contradictions:
        if lost := set(contradiction.facts) - package.facts.keys():
            yield f"contradiction {contradiction.code}: no fact {sorted(lost)}"


def is_currency(unit: str) -> bool:
    """ISO 4217, as the unit of a parameter."""
    return len(unit) == 3 and unit.isalpha() and unit.isupper()


def digits_of(currency: str) -> int:
    """Of the minor unit: 2 for EUR, 0 for VND."""
    return int(get_currency_precision(currency))


def minor_units(amount: str | int, currency: str) -> int:
    """Exact.  Raises CallerError (invalid_amount): not a decimal number, or finer than the currency."""
    try:
        scaled = Decimal(amount).scaleb(digits_of(currency))
    except InvalidOperation:
        raise CallerError("not an amount of money", code="invalid_amount") from None
    if not scaled.is_finite() or scaled != scaled.to_integral_value() or abs(scaled) >= 2**62:
        raise CallerError(f"not an amount of {currency}", code="invalid_amount")
    return int(scaled)


def decimal_text(units: int, currency: str) -> str:
    """Minor units as a decimal string with all the currency's digits."""
    return format(Decimal(units).scaleb(-digits_of(currency)), "f")
