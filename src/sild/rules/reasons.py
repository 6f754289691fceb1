"""Why, in words: texts of the package, filled from the trace, in each language it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import format_decimal

from sild.rules.evaluation import MISSING, Evaluation, Node, Trace, ValueJSON
from sild.rules.package import FactSpec, OutputSpec, ParameterValue, ReasonSpec, RulePackage, Text

__all__ = ["Reason", "reasons"]

CONTRADICTED = {
    "et": "andmed on vastuolus, nende põhjal ei arvutata ({which})",
    "vi": "dữ liệu mâu thuẫn nhau nên chưa tính được ({which})",
    "en": "facts contradict one another, and nothing is computed from them ({which})",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """output: the node it explains.  inputs: nodes of the facts it was made from.  text: by language."""

    code: str
    article: str
    output: str
    inputs: tuple[str, ...]
    text: Mapping[str, str]


def reasons(package: RulePackage, evaluation: Evaluation) -> tuple[Reason, ...]:
    """For each output asked, in order, every text that applies to it.

    Facts that contradict one another are not missing: they are named, with what the package says of them, beside what is missing, or
    in its place.

    A text may name `{value}`, `{missing}` (what facts are unknown), any variable of the trace below, and parameters used there by path
    with `_` for `.`.
    """
    return tuple(
        Reason(
            spec.code,
            spec.article,
            node.id,
            tuple(one.id for one in below if one.variable in package.facts),
            {language: _text(package, evaluation, spec, node, below, language) for language in package.texts},
        )
        for node, below in _asked(evaluation)
        for spec in package.reasons
        if spec.output == node.variable and _applies(spec, node.value)
    )


def _asked(evaluation: Evaluation) -> Iterator[tuple[Node, list[Node]]]:
    for value in evaluation.values:
        node = evaluation.trace.find(f"{value.entity}/{value.variable}@{value.period}")
        if node is not None:
            yield node, _below(evaluation.trace, node)


def _below(trace: Trace, node: Node) -> list[Node]:
    """It, and all it was made from, each after its inputs."""
    found, waiting = {node.id}, [node]
    while waiting:
        for name in waiting.pop().inputs:
            one = trace.find(name)
            if one is not None and name not in found:
                found.add(name)
                waiting.append(one)
    return [one for one in trace.nodes if one.id in found]


def _applies(spec: ReasonSpec, value: ValueJSON) -> bool:
    if spec.when == "unknown":
        return value is None
    return value is not None and spec.equals in (None, value)


def _text(
    package: RulePackage,
    evaluation: Evaluation,
    spec: ReasonSpec,
    node: Node,
    below: list[Node],
    language: str,
) -> str:
    words = _Words()
    for one in below:
        words[one.variable] = _said(package.spec(one.variable), one.value, language)
        for used in one.parameters:
            path, since = used.rsplit("@", 1)
            law = next(p for p in package.parameters[path] if p.valid_from.isoformat() == since)
            words[path.replace(".", "_")] = _law(law, language)
    words["value"] = _said(package.spec(node.variable), node.value, language)
    unknown = evaluation.missing_for(node.entity, node.variable, node.period)
    missing = [one for one in unknown if one.why == MISSING]
    words["missing"] = ", ".join(dict.fromkeys(_label(package, one.variable, language) for one in missing))
    text = package.texts[language][spec.code].format_map(words)
    codes = dict.fromkeys(one.why for one in unknown if one.why != MISSING)
    if not codes:
        return text
    said = _contradicted(package, codes, language)
    if missing:
        return f"{text} {_sentence(said)}"
    return f"{_sentence(_label(package, node.variable, language))}: {said}"


def _contradicted(package: RulePackage, codes: Iterable[str], language: str) -> str:
    """Which facts, and what of them cannot be."""
    rules = [rule for code in codes if (rule := package.contradiction(code)) is not None]
    which = "; ".join(
        f"{', '.join(_label(package, fact, language) for fact in rule.facts)}: {_in(rule.label, language)}"
        for rule in rules
    )
    return _in(CONTRADICTED, language).format(which=which) + "."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


class _Words(dict[str, str]):
    def __missing__(self, _name: str) -> str:
        return "–"


def _label(package: RulePackage, variable: str, language: str) -> str:
    spec = package.spec(variable)
    return variable if spec is None else _in(spec.label, language) or variable


def _in(label: Text | Mapping[str, str], language: str) -> str:
    """In English where it is not said in the language."""
    texts = {str(key): text for key, text in label.items()}
    return texts.get(language) or texts.get("en", "")


def _said(spec: FactSpec | OutputSpec | None, value: ValueJSON, language: str) -> str:
    if value is None:
        return "–"
    if spec is not None and spec.type == "money":
        return format_decimal(Decimal(str(value)), locale=language, decimal_quantization=False)
    if spec is not None and spec.type == "date":
        return format_date(date.fromisoformat(str(value)), "long", locale=language)
    return str(value)


def _law(law: ParameterValue, language: str) -> str:
    try:
        return format_decimal(Decimal(law.value), locale=language, decimal_quantization=False)
    except ArithmeticError:
        return str(law.value)
